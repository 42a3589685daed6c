"""Declare every results table once: its columns, their meaning, units and ranges. Writers and the reference page use it."""
