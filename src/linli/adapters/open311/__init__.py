"""Open311 GeoReport v2 with the update extension: a server, and a client for other endpoints."""
