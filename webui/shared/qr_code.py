"""QR codes, as every page makes them; how one is drawn is the page's business."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import segno


def make_qr_code(text: str) -> "segno.QRCode":
    """Return the code that a phone's camera reads as `text`: a whole one, readable with a stain or a fold."""
    import segno  # noqa: PLC0415 (for pages that are seldom looked at)

    return segno.make_qr(text, error="m")
