"""What the server measures of itself, for whoever watches it."""
