"""Compute a study's tables: the matrix, guidance scales, adherence, predictors."""
