"""What the phone app adds to cases and tasks: forms filled on site, marks of photos, voice notes."""
