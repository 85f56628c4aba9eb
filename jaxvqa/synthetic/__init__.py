"""Synthetic videos with known degradations."""
