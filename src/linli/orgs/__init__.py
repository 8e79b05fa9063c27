"""Orgs: centres and teams, and who belongs to a team."""
