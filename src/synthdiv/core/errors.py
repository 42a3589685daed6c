"""The one exception that is written for the user of the workflow."""


class StudyError(Exception):
    """Something in the user's config or data is wrong: what, which value, which file, and what to do."""
