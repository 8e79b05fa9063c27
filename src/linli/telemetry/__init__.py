"""From reading to alarm: gateway, stream, sense, history. The hot path works on columns, not rows."""
