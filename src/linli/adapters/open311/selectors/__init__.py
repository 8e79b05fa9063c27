"""Reads of Open311."""
