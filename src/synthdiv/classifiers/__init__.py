"""Training and evaluation of classifiers, and their features."""
