"""The exception whose message addresses the user of the workflow."""


class StudyError(Exception):
    """The user's config or data is wrong; the message says what, with which value, in which file, and what to do."""
