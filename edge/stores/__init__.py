"""What survives a power cut: alarms with their journal, readings, counters, the record of actions."""
