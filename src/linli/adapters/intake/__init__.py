"""Intake hooks: addresses at which other programs, and a WeChat official account, report what becomes a case."""
