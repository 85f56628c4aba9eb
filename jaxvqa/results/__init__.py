"""What a score is, in memory and on disk."""
