"""Writes of reading hooks."""
