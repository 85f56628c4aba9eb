"""Where, when and why a video scores as it does."""
