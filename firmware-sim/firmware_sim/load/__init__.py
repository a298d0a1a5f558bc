"""A street full of gateways in one process, speaking the wire contract to a real server."""
