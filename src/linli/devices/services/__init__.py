"""Writes of devices. Each function is one transaction, one audit row and at least one event."""
