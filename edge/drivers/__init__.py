"""Drivers: one file per technique, device models as YAML profiles."""
