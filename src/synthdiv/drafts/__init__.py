"""Drafts of configs: look at what a user has, and write a first config for it."""
