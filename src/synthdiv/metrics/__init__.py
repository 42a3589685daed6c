"""Metrics of one set of embeddings, and of one against another."""
