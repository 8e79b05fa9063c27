"""Identity: accounts, roles in areas, sessions, second factors, API keys and lock-out."""
