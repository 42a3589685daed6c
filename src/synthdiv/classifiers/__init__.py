"""Training and evaluating classifiers, and their features."""
