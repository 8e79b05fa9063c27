"""Protocols of others, on top of the rooms: nobody imports adapters."""
