"""Terminates device connections, decodes into columns, cuts durable micro-batches."""
