"""Charts as pictures of a page (SVG), drawn here: nothing is fetched and no script runs.

Each is an image whose words say what it shows; the same figures stand in a table beside it, for whoever does not
see it and for print. It has a ground of its own, which is light in the dark as well.
"""

import sys
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import msgspec
import pygal
from pygal.graph.graph import Graph
from pygal.style import Style

# It looks for charts of other packages at every import, by a way that Python 3.12 has dropped: there are none.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

# Told apart by lightness too, for whoever does not see their colours and for print.
_COLOURS = ("#0a58ca", "#b02a37", "#6c757d")
_STYLE = Style(
    background="#ffffff",
    plot_background="#ffffff",
    foreground="#212529",
    foreground_strong="#212529",
    foreground_subtle="#495057",
    font_family="system-ui, sans-serif",
    label_font_size=14,
    major_label_font_size=14,
    legend_font_size=15,
    opacity=1,
    colors=_COLOURS,
)
FEW = "few"  # in place of a number that would tell of few people
_MOST_LABELS = 10
_WIDTH, _HEIGHT, _ROW_HEIGHT = 640, 300, 34


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart, and the table beside it."""

    title: str
    picture: str  # an address with the picture in it; "": there is nothing that could be drawn
    words: str  # what it shows, in a sentence
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing yet: no picture, and nothing that is left out of it either."""
        return not self.picture and not any(FEW in row for row in self.rows)


def draw_columns(
    title: str, words: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]], *, head: str,
    is_stacked: bool = False, missing: str = "\N{EN DASH}",
) -> Chart:  # fmt: skip
    """Return a chart with a column (or several, one upon the other) for each label."""
    graph = (pygal.StackedBar if is_stacked else pygal.Bar)(**_options(_HEIGHT, has_legend=len(series) > 1))
    graph.x_labels = list(labels)
    if len(labels) > _MOST_LABELS:
        graph.x_labels_major_every, graph.show_minor_x_labels = 2, False
    for name, values in series.items():
        graph.add(name, list(values))
    rows = tuple(
        (label, *(_number(values[at], missing) for values in series.values())) for at, label in enumerate(labels)
    )
    return _chart(graph, title, words, (head, *series), rows)


def draw_ranking(
    title: str, words: str, counts: Sequence[tuple[str, int | None]], *, head: str, counted: str
) -> Chart:
    """Return a chart with a bar for each name, the most first."""
    graph = pygal.HorizontalBar(**_options(80 + _ROW_HEIGHT * max(1, len(counts)), has_legend=False))
    graph.x_labels = [_shorten(name) for name, _ in reversed(counts)]
    graph.add(counted, [count for _, count in reversed(counts)])
    return _chart(
        graph, title, words, (head, counted), tuple((name, _number(count, FEW)) for name, count in counts)
    )


def _options(height: int, *, has_legend: bool) -> dict[str, object]:
    return {
        "style": _STYLE, "width": _WIDTH, "height": height, "js": [], "show_legend": has_legend, "margin": 10,
        "legend_at_bottom": True, "pretty_print": False,
        "min_scale": 1, "max_scale": 6, "x_label_rotation": 0, "truncate_label": 24, "range": None,
        "value_formatter": _mark, "include_x_axis": True,
    }  # fmt: skip


def _chart(
    graph: Graph, title: str, words: str, heads: tuple[str, ...], rows: tuple[tuple[str, ...], ...]
) -> Chart:
    if not any(value for one in graph.raw_series for value in one[0]):  # nothing to see: said in words
        return Chart(title=title, picture="", words=words, heads=heads, rows=rows)
    graph.add_xml_filter(_remove_scripts)
    return Chart(title=title, picture=graph.render_data_uri(), words=words, heads=heads, rows=rows)


def _remove_scripts(root: Element) -> Element:
    for parent in root.iter():
        for child in [one for one in parent if str(one.tag).endswith("script")]:
            parent.remove(child)
    return root


def _mark(value: float) -> str:
    """Return what stands at the axis: there are no halves of a request."""
    return f"{value:,.0f}" if float(value).is_integer() else ""


def _number(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:,.0f}"


def _shorten(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:11]}…{name[-12:]}"
