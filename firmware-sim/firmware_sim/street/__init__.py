"""A whole street out of a seed, as the import files that the server takes."""
