"""Simulated devices, scenarios and phones: true enough that the product runs unmodified on them."""
