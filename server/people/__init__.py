"""Who there is, and who is on duty for what."""
