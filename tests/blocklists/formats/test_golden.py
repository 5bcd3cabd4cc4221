"""One tricky file per format, and exactly what must come of it.

`golden/FORMAT.txt` is compiled; `golden/FORMAT.expected` says what the index holds and what was passed over.
"""

from pathlib import Path

import pytest

from blocklists.compiler import BuildReport, build_index
from blocklists.entries import Effect
from blocklists.format_detection import detect_format
from blocklists.formats import FORMATS
from blocklists.index import Index, open_index
from blocklists.sources import Source
from dns.message.names import key_to_name

GOLDEN = Path(__file__).parent.parent / "golden"


def described(index: Index, report: BuildReport) -> str:
    lines = []
    for reversed_key, groups in index.iter_entries():
        for group in groups:
            condition = f" when {group.condition}" if group.condition else ""
            lines.append(f"{key_to_name(reversed_key)} {group.match.name} {group.effect.name}{condition}")
    for info in index.tables.patterns:
        attribute = index.tables.attributes[info.attribute]
        condition = f" when {index.tables.conditions[attribute.condition]}" if attribute.condition >= 0 else ""
        lines.append(f"pattern {info.text} {Effect(attribute.effect).name} = {info.regex}{condition}")
    lines.append("")
    lines += [f"{problem.line}: {problem.reason}: {problem.text}" for problem in report.sources[0].problems]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", FORMATS)
def test_the_tricky_file_of_each_format_compiles_to_what_is_written_down(name: str, tmp_path: Path) -> None:
    source = Source(name="golden", category="test", location=str(GOLDEN / f"{name}.txt"), format=name)
    report = build_index([source], tmp_path)
    assert described(open_index(tmp_path), report) == (GOLDEN / f"{name}.expected").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "squidguard"])
def test_each_tricky_file_is_recognised(name: str) -> None:
    assert detect_format((GOLDEN / f"{name}.txt").read_text("utf-8-sig", "replace").splitlines()) == name
