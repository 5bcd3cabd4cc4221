"""An address as a QR code in a page: a picture of ours, on a light ground of its own."""

from webui.shared.qr_code import make_qr_code


def draw_qr_code(address: str) -> str:
    """Return the address of a picture (SVG, in it) that a phone's camera reads as `address`."""
    return make_qr_code(address).svg_data_uri(scale=4, border=4, light="#fff", dark="#000")
