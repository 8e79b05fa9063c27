"""Writes of cases. Each owns one transaction, one audit row, timeline entries, and the events that tell of it."""
