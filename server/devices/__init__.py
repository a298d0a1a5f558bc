"""The register of gateways and devices, their status, and commands to them."""
