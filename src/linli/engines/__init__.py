"""Launchers of the engines: PostgreSQL, NATS, the history store and Caddy."""
