"""The studies' tables: the matrix, guidance scales, adherence, predictors."""
