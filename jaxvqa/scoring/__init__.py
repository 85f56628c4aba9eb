"""Scores of many videos."""
