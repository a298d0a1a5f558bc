"""Readings, applied once."""
