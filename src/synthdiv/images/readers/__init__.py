"""Readers of natural images, one module a format."""
