"""Writes of intake hooks."""
