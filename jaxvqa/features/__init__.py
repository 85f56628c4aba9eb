"""Features of videos: encoded, kept on disk."""
