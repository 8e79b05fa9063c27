"""Evaluates rules over whole batches; raises and clears alarms."""
