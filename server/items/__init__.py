"""The work a person gets, and what may be done with it."""
