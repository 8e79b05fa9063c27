"""Pictures from outside: recognised by their content and made anew as JPEG (no EXIF, no position, no foreign bytes),
with a thumbnail."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFile, ImageOps

from linli.kernel.errors import Invalid, TooLarge

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE, THUMB_SIDE, QUALITY = 1600, 320, 82
FORMATS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WEBP"}

ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True, slots=True)
class Prepared:
    image: bytes
    thumb: bytes
    width: int
    height: int


def sniff(data: bytes) -> str:
    """The format by the first bytes; '' for anything else, whatever its name or content type says."""
    for magic, name in FORMATS.items():
        if data.startswith(magic) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    return ""


def prepare(data: bytes) -> Prepared:
    """A fresh JPEG and its thumbnail from untrusted bytes; refuses what is not a picture, broken or a bomb."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a picture has at most {MAX_BYTES // 1024 // 1024} MB", field="photo")
    form = sniff(data)
    if not form:
        raise Invalid("photo", "is not a JPEG, PNG or WebP picture")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=(form,)) as opened:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            width, height = opened.size
            if width * height > MAX_PIXELS or min(width, height) < 1:
                raise Invalid("photo", f"has more than {MAX_PIXELS // 1_000_000} million pixels")
            if form == "JPEG":
                opened.draft("RGB", (MAX_SIDE * 2, MAX_SIDE * 2))
            picture = ImageOps.exif_transpose(opened)
            return _remade(_flat(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Invalid("photo", "unpacks to too many pixels") from error
    except Invalid:
        raise
    except Exception as error:  # Pillow raises many kinds for broken files
        raise Invalid("photo", "is broken and cannot be read") from error


def covered(data: bytes, boxes: Sequence[tuple[float, float, float, float]]) -> Prepared:
    """A picture of ours with black rectangles; `boxes` are (left, top, width, height) as parts of its sides."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
        picture = opened.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for left, top, width, height in boxes:
        corner = math.floor(left * picture.width), math.floor(top * picture.height)
        opposite = math.ceil((left + width) * picture.width), math.ceil((top + height) * picture.height)
        pen.rectangle((corner, opposite), fill="black")
    return _remade(picture)


def _flat(picture: Image.Image) -> Image.Image:
    """RGB on white: transparency has no place in a JPEG."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        sheet = Image.new("RGB", rgba.size, "white")
        sheet.paste(rgba, mask=rgba.getchannel("A"))
        return sheet
    return picture.convert("RGB")


def _remade(picture: Image.Image) -> Prepared:
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    clean = Image.new("RGB", picture.size)  # nothing but the pixels goes over
    clean.paste(picture)
    image = _jpeg(clean, QUALITY)
    small = clean.copy()
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS)
    return Prepared(image, _jpeg(small, 75), *clean.size)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=False, progressive=True)
    return out.getvalue()
