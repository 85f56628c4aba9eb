"""The original authors' checkpoints: fetched, read, converted."""
