"""Notices: one message to one person over one channel, kept until it is sent."""
