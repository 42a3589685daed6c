"""Published claims and values: tests on a study's results, and consistency checks of both."""
