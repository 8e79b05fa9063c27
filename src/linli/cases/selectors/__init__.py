"""Reads of cases. Each takes the actor and shows what it may see, and nothing else."""
