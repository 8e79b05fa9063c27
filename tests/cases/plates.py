"""Pictures with invented number plates: blue (seven signs) and green (eight), on an untidy street drawn at random."""

from __future__ import annotations

import io
import random
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
COLOURS = {"blue": ((20, 60, 170), "white"), "green": ((90, 190, 120), "black")}
Box = tuple[float, float, float, float]


def plate(dice: random.Random, colour: str, width: int) -> Image.Image:
    """One plate: 440 × 140 mm, or 480 × 140 mm for an electric car; a made-up number."""
    (ground, ink), long = COLOURS[colour], 440 if colour == "blue" else 480
    spec = find_spec("pylopdf_fonts_zh_cn")
    assert spec and spec.origin
    face = ImageFont.truetype(str(Path(spec.origin).with_name("NotoSansSC-Regular.otf")), 88)
    made = Image.new("RGB", (long, 140), ground)
    pen, signs = ImageDraw.Draw(made), "皖A" + "".join(dice.choices(SIGNS, k=5 if colour == "blue" else 6))
    pen.rounded_rectangle((4, 4, long - 5, 135), 10, outline=ink, width=4)
    for i, sign in enumerate(signs):
        pen.text((24 + i * (long - 40) / len(signs), 4), sign, font=face, fill=ink, stroke_width=3, stroke_fill=ink)
    return made.resize((width, round(width * 140 / long)), Image.Resampling.LANCZOS)


def street(seed: int, colour: str | None) -> tuple[bytes, Box | None]:
    """A JPEG of 1200 × 900 and where its plate is, as parts of the sides; slanted, blurred and dimmed as by chance."""
    dice = random.Random(seed)
    picture = Image.new("RGB", (1200, 900), tuple(dice.randint(90, 200) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = dice.randint(0, 1150), dice.randint(0, 850)
        shade = tuple(dice.randint(20, 240) for _ in range(3))
        pen.rectangle((x, y, x + dice.randint(20, 300), y + dice.randint(20, 200)), fill=shade)
    box: Box | None = None
    if colour:
        made = plate(dice, colour, dice.randint(110, 320)).convert("RGBA")
        made = made.rotate(dice.uniform(-8, 8), expand=True, resample=Image.Resampling.BICUBIC)
        x, y = dice.randint(60, 1140 - made.width), dice.randint(60, 840 - made.height)
        pen.rectangle((x - 50, y - 40, x + made.width + 50, y + made.height + 40), fill=(35, 36, 40))
        picture.paste(made, (x, y), made)
        box = (x / 1200, y / 900, made.width / 1200, made.height / 900)
    picture, light = picture.filter(ImageFilter.GaussianBlur(dice.uniform(0, 1.5))), dice.uniform(0.6, 1)
    picture = picture.point([round(v * light) for v in range(256)] * 3)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue(), box


def overlap(a: Box, b: Box) -> float:
    """What two rectangles share of what they cover together, 0 to 1."""
    wide = max(0.0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return wide * high / (a[2] * a[3] + b[2] * b[3] - wide * high)
