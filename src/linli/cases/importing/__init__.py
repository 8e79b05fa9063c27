"""Recorded service requests as read-only cases, by maps that are data."""
