"""Drawn pictures that stand in for photos; each says that it is simulated."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFilter

SIZE = (1280, 960)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def street(*, flooded: bool, seed: int = 1, label: str = "SIMULATED") -> bytes:
    """A street at night with a pump house; under water or dry. JPEG bytes, about 60 KB."""
    rng = random.Random(seed)
    picture = Image.new("RGB", SIZE, (28, 34, 44))
    draw = ImageDraw.Draw(picture)
    for i in range(9):
        x, height = i * 150 - 20, rng.randint(240, 420)
        draw.rectangle((x, 560 - height, x + 130, 560), fill=(50 + i * 3, 56, 66))
        for wx in range(x + 14, x + 116, 34):
            for wy in range(575 - height, 540, 46):
                lit = rng.random() < 0.4
                draw.rectangle((wx, wy, wx + 18, wy + 24), fill=(226, 196, 120) if lit else (38, 44, 54))
    draw.polygon([(0, 560), (1280, 560), (1280, 960), (0, 960)], fill=(62, 64, 68))
    draw.rectangle((500, 420, 780, 600), fill=(110, 116, 120))
    draw.rectangle((600, 480, 680, 600), fill=(40, 70, 90))
    for x in range(40, 1280, 220):
        draw.rectangle((x, 742, x + 120, 752), fill=(200, 200, 190))
    if flooded:
        water = Image.new("RGB", SIZE, (74, 92, 104))
        shine = ImageDraw.Draw(water)
        for _ in range(420):
            x, y = rng.randint(0, 1280), rng.randint(620, 960)
            shine.line((x, y, x + rng.randint(20, 90), y), fill=(120, 140, 150), width=2)
        mask = Image.new("L", SIZE, 0)
        ImageDraw.Draw(mask).rectangle((0, 610, 1280, 960), fill=215)
        picture.paste(water, mask=mask)
        rain = ImageDraw.Draw(picture)
        for _ in range(500):
            x, y = rng.randint(0, 1280), rng.randint(0, 900)
            rain.line((x, y, x - 6, y + 22), fill=(150, 160, 172))
    picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    ImageDraw.Draw(picture).text((24, 924), label, fill=(240, 240, 230))
    return _jpeg(picture)
