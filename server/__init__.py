"""The alert service: takes alarms in, finds who is responsible, sees that somebody acts."""
