"""Errors that are the user's to mend, not ours."""


class UserError(Exception):
    """Its message is a full sentence for the user: what is wrong, where, and what to do."""
