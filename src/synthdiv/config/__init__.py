"""The config: its schema, defaults and messages, and its reference page."""
