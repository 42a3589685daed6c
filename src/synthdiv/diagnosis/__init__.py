"""Find why the classes of a set fall short, and test what helps."""
