"""Forgetting what is not needed any more, and what is kept about one person."""
