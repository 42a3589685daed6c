"""Readers of natural images, one module per format."""
