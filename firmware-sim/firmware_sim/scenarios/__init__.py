"""Scenarios that ship."""
