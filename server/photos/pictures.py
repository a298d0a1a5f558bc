"""Making a picture anew from its pixels: whatever else the file held (place, time, camera) is gone."""

import io
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from server.errors import InvalidError

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PIXELS: Final = 24_000_000
LONGEST_SIDE: Final = 1600
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A JPEG without metadata."""

    data: bytes
    width: int
    height: int


def make_anew(data: bytes) -> Picture:
    """Return a picture of at most 1600 pixels a side; seconds of work: not on the event loop.

    Raises:
        InvalidError: too large, too many pixels, or no JPEG, PNG or WebP.
    """
    if len(data) > MOST_BYTES:
        raise InvalidError("照片太大，最多 8 MB。")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as source:
                # The head alone tells the size: a bomb is refused before a pixel is unpacked.
                if source.width * source.height > MOST_PIXELS:
                    raise InvalidError("照片的像素太多。")
                source.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
                turned = ImageOps.exif_transpose(source).convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise InvalidError("这个文件不是可以用的照片（JPEG、PNG 或 WebP）。") from error
    turned.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean = Image.new("RGB", turned.size)
    clean.paste(turned)
    out = io.BytesIO()
    clean.save(out, format="JPEG", quality=_QUALITY, optimize=True)
    return Picture(data=out.getvalue(), width=clean.width, height=clean.height)
