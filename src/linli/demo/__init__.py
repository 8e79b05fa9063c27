"""Loads the demo district: places, staff, teams and devices from the pack `demo`. Only in demo mode."""
