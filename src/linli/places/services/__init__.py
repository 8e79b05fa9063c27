"""Writes of places: names and QR codes (`qr`), boundaries (`reshape`, `rehoming`), imports."""

from __future__ import annotations

from linli.places.pack import load_pack
from linli.places.services.qr import QR, new_codes, rename_grid, rotate_qr

__all__ = ["QR", "load_pack", "new_codes", "rename_grid", "rotate_qr"]
