"""A study: a checked config, and the jobs that it means."""
