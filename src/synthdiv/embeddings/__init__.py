"""Encoders and embedding tables."""
