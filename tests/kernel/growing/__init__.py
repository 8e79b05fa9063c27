"""A module whose table grows by a column while its old code works on it."""
