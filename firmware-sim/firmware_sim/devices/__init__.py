"""Simulated devices: physics gives points, a register map gives words, a server gives bytes."""
