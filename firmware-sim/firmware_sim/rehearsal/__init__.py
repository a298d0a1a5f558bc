"""Rehearsals: a scenario played from end to end with a real gateway, server and broker, and judged."""
