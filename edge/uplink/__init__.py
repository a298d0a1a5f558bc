"""The way to the server and, when it does not answer, the second way out."""
