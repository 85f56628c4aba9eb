"""Words and their tokens."""
