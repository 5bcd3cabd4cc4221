"""An address as a QR code, drawn into the page."""

from markupsafe import Markup

from webui.shared.qr_code import make_qr_code


def draw_qr_code(address: str) -> Markup:
    """Return the QR code of an address as SVG: black on white, whatever the page's colours are."""
    # Our own address, and a library's drawing of it.
    return Markup(make_qr_code(address).svg_inline(dark="#000", light="#fff", border=2, omitsize=True))  # noqa: S704
