"""One file a migration, the oldest first."""
