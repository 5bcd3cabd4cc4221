"""A trust's figures for Prometheus."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.trust import schools
from appliance.trust.metrics import METRICS
from tests.docs.sources import ROOT
from tests.fakes.trust import FakeTrust
from tests.webui.trust.test_hostile_school import NUMBERS


def figures(trust: FakeTrust) -> dict[str, float]:
    lines = trust.trust.render_figures().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_schools_are_counted_by_how_they_are(trust: FakeTrust) -> None:
    one = trust.enrol("School One")
    trust.call("PUT", "numbers", one, {**NUMBERS, "document": trust.signed(one).digest})
    trust.register("School Two")
    trust.invite("School Two")
    trust.enrol("School Three")
    with trust.store.write_session() as session:
        schools.retire_school(
            session, trust.clock(), school=schools.require_school(session, "School Three"), by="test"
        )
    trust.lay_down("category", category="games")

    found = figures(trust)

    assert found['hallpass_trust_schools{state="in_touch"}'] == 1
    assert found['hallpass_trust_schools{state="registered"}'] == 1
    assert found['hallpass_trust_schools{state="retired"}'] == 1
    assert found["hallpass_trust_schools_behind"] == 1, "it has not heard of the lock yet"
    assert found["hallpass_trust_invitations_waiting"] == 1
    assert found['hallpass_trust_entries{kind="category"}'] == 1
    assert found["hallpass_trust_rooms"] == 3
    trust.clock.time += timedelta(hours=2)
    assert figures(trust)['hallpass_trust_schools{state="silent"}'] == 1


def test_no_figure_names_anything_of_a_school(trust: FakeTrust) -> None:
    hostile = [{"category": "Ann Other", "refused": 7}]
    trust.call("PUT", "numbers", trust.enrol("School One"), {**NUMBERS, "refused_by_category": hostile})

    text = trust.trust.render_figures().decode()

    assert "Ann Other" not in text
    assert "School One" not in text


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_is_documented_as_it_is(metric: object) -> None:
    text = Path(ROOT / "docs/metrics.md").read_text()
    labels = ", ".join(f"`{one}`" for one in metric.labels)  # type: ignore[attr-defined]  # a Metric
    row = rf"\| `{metric.name}` \| {metric.kind} \| {labels}\s*\| {re.escape(metric.words)} \|"  # type: ignore[attr-defined]  # as above
    assert re.search(row, text), row
