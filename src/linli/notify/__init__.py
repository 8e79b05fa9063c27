"""Notices that staff chose to have by e-mail too: who wants what, when it may come, and the letters."""
