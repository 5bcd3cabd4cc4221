"""An address as a QR code in a page: a picture of ours, on a light ground of its own."""


def draw_qr_code(address: str) -> str:
    """Return the address of a picture (SVG, in it) that a phone's camera reads as `address`."""
    import segno  # noqa: PLC0415 (for a page that is seldom looked at)

    made = segno.make(address, error="m", micro=False)
    return made.svg_data_uri(scale=4, border=4, light="#fff", dark="#000")
