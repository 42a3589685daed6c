"""A study: a checked config, and the jobs that follow from it."""
