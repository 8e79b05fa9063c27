"""Reads: default deny, by the actor's areas."""
