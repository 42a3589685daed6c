"""Encode images and prompts, and read and write embedding tables."""
