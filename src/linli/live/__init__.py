"""Server-sent events for browsers and programs: a small relay that holds no database connection."""
