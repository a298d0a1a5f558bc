"""The demonstration: every part as a process of its own, and one incident from end to end."""
