"""Writes of Open311: endpoints, what goes out, what comes in."""
