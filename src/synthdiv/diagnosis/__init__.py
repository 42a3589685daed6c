"""Why the classes of a set fall short, and what to do."""
