"""The command cockpit: what the street looks like now, kept ready for every wall and desk at once."""
