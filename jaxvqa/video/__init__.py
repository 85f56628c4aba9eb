"""A video file to views."""
