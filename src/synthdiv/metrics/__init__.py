"""Metrics of one set of embeddings, and comparisons of two sets."""
