"""Which page of a list is shown: one that there is, whatever was asked for."""


def find_page(wanted: int, count: int, size: int) -> tuple[int, int]:
    """Return the number of the page to show and how many there are, of so many rows with so many on each.

    There is always a first one; a number beyond the ends means the one at that end.
    """
    pages = max(1, -(-count // size))
    return min(max(1, wanted), pages), pages
