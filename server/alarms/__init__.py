"""Alarms as the gateways state them: a machine's facts."""
