"""An address as a QR code, drawn into the page."""

import segno
from markupsafe import Markup


def draw_qr_code(address: str) -> Markup:
    """Return the QR code of an address as SVG: black on white, whatever the page's colours are."""
    code = segno.make(address, error="m", micro=False)
    # Our own address, and a library's drawing of it.
    return Markup(code.svg_inline(dark="#000", light="#fff", border=2, omitsize=True))  # noqa: S704
