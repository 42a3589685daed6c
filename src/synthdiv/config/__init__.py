"""The config: its schema, defaults, error messages and reference page."""
