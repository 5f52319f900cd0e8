"""Channels that carry a notification to someone else's system. One module each."""
