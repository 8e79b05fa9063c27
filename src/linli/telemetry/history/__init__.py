"""Owns the reading store: writes by stream sequence, answers named questions."""
