"""Learning from closed cases, in a process of its own so that nothing of it stays in memory."""
