"""Figures of classifiers: accuracy, what changes it and what predicts it, accuracy by size, and confused classes."""
