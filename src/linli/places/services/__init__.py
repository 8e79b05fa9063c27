"""Writes of places: names and QR codes (`qr`), boundaries (`reshape`, `rehoming`, `sweeping`), imports (`imports`)."""
