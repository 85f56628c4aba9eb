"""Databases of rated videos."""
