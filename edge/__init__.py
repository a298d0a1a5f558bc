"""The gateway: reads sensors, applies rules on the spot, forwards alarms."""
