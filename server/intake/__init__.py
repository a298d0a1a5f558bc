"""What arrives from gateways, committed before it is acknowledged."""
