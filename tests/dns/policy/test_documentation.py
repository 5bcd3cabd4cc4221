"""docs/policy.md says what is true: its document can be used, its order is the one that decides."""

import re
from pathlib import Path

import msgspec

from dns.policy.document import PolicyDocument, json_decoder, parse_toml_document
from dns.policy.safe_search import GOOGLE_NAMES
from dns.policy.steps import STEPS
from dns.policy.tunnel_values import Thresholds
from dns.policy.validation import validation_errors
from tests.bench import tunnel

TEXT = (Path(__file__).parents[3] / "docs" / "policy.md").read_text("utf-8")


def example() -> bytes:
    (found,) = re.findall(r"```toml\n(version.*?)```", TEXT, re.DOTALL)
    return str(found).encode()


def test_the_documented_document_can_be_used() -> None:
    document = parse_toml_document(example())

    assert validation_errors(document) == ()
    assert json_decoder.decode(msgspec.json.encode(document)) == document


def test_every_field_of_a_document_is_documented() -> None:
    for field in msgspec.structs.fields(PolicyDocument):
        assert field.name in TEXT


def test_the_documented_order_is_the_one_that_decides() -> None:
    documented = re.findall(r"^\| *\d* *\| `([a-z-]+)` \|", TEXT, re.MULTILINE)

    assert documented == [row.step.value for row in STEPS.rows]


def test_the_number_of_googles_names_is_the_documented_one() -> None:
    assert f"Google ({len(GOOGLE_NAMES)} country names)" in TEXT


def test_the_measured_table_of_tunnels_is_the_documented_one() -> None:
    fast = tunnel.RATES[-2:]
    documented = re.findall(r"^\| (\d+, \w+) \| (.*) \|$", TEXT, re.MULTILINE)

    assert [
        f"| {names} | {' | '.join(cells.split(' | ')[-len(fast) :])} |" for names, cells in documented
    ] == list(tunnel.rows(fast))


def test_the_limits_of_tunnels_are_the_documented_ones() -> None:
    limits = Thresholds()

    for bits, least in (
        (limits.tiny_bits, f"{limits.tiny_names} names"),
        (limits.short_bits, f"{limits.short_names} names"),
        (limits.long_bits, f"{limits.long_sum:,.0f} bits"),
        (limits.vast_bits, f"{limits.vast_sum:,.0f} bits"),
        (limits.roomy_bits, f"{limits.roomy_sum:,.0f} bits"),
    ):
        assert re.search(rf"^\| {bits:.0f} bits.* \| {least} \|$", TEXT, re.MULTILINE)
