"""devices: thing models, the registry of devices, rules and alarms."""
