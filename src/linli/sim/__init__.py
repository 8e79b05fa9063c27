"""The world outside: devices, residents and staff as clients. Speaks only MQTT and HTTP, imports no other room."""
