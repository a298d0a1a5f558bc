"""QR codes (ISO/IEC 18004) as pictures: the one door to the library that makes them."""

import io
from typing import Final

import segno
from markupsafe import Markup

_QUIET_ZONE: Final = 4
"""Modules of white around a printed code: ISO/IEC 18004, 9.1."""


def data_address(text: str) -> str:
    """Return a code as an SVG image in a `data:` address, for an `img` on a screen."""
    return segno.make(text, error="m").svg_data_uri(scale=5, border=2)


def drawing(text: str) -> bytes:
    """Return a code as an SVG file."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", scale=5, border=2)
    return out.getvalue()


def inline_svg(text: str) -> Markup:
    """Return a code as an SVG element without a size of its own: print styles give it one in millimetres.

    The paper's white is drawn too, so that the code can be read whatever is behind it. A seventh of the
    code may be scratched (level M: 15 per cent).
    """
    made = segno.make_qr(text, error="m")
    code = made.svg_inline(border=_QUIET_ZONE, omitsize=True, light="#fff", dark="#000", svgclass="qr")
    # Made of the library's own paths alone: the text stands in it as squares, not as letters.
    return Markup(code)  # noqa: S704 - as the line above says
