"""The school's own site bundles, as the coordinator sees them at central."""

from collections.abc import Iterator

import pytest

from tests.e2e.browser import Browser
from tests.fakes.school import PASSWORD
from tests.webui.central.pages import document, press, said
from tests.webui.conftest import ServedSchool

ODD = (
    "\x00", "\u202e", "co.uk", "a..b", "192.0.2.1", "[]", "https://[", "9" * 400, "<script>alert(1)</script>", "",
    "x" * 9_999, "x" * 20_000, "a\nb\n" * 2_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSchool]:
    served = ServedSchool(tmp_path_factory.mktemp("central"))
    served.enrol("Room 4")
    served.account("cora", "coordinator")
    yield served
    served.close()


@pytest.fixture(scope="module")
def cora(school: ServedSchool) -> Iterator[Browser]:
    with Browser(school.url) as browser:
        yield browser.sign_in("cora", PASSWORD)


def test_a_bundle_is_looked_at_saved_changed_removed_and_undone(cora: Browser, school: ServedSchool) -> None:
    assert cora.open("/bundles").form_with("site", action="/bundles/change")
    cora.open("/bundles/change?site=https%3A%2F%2Fwww.vimeo.com%2Ffilms")
    form = cora.form_with("names")
    assert form.fields["site"] == "vimeo.com"
    assert ">vimeocdn.com</textarea>" in cora.text
    cora.send(form, names="vimeocdn.com\nfilms.example.org", step="look")
    assert "What would open" in cora.text
    assert "films.example.org</strong> (new): open already" in cora.text
    assert document(school).bundles == ()
    cora.send(cora.form_with("names"), names="vimeocdn.com\nfilms.example.org", step="save")
    assert "open together" in said(cora)
    assert document(school).bundles[0].names == ("vimeocdn.com", "films.example.org")
    press(cora, "/bundles/remove", "vimeo.com")
    assert document(school).bundles == ()
    cora.send(cora.form_with(action="/bundles/undo/"))
    assert "the site bundles is as it was before" in said(cora)
    assert document(school).bundles[0].site == "vimeo.com"


def test_a_teachers_request_tells_what_the_school_opens_with_a_site(cora: Browser, school: ServedSchool) -> None:
    form = cora.open("/bundles/change?site=maps.example.org").form_with("names")
    cora.send(form, names="tiles.example.org", step="save")
    school.request(site="maps.example.org")
    assert "tiles.example.org" in cora.open("/requests").text


@pytest.mark.parametrize("step", ["look", "save"])
def test_what_cannot_open_comes_back_filled_in(cora: Browser, step: str) -> None:
    form = cora.open("/bundles/change?site=video.example.org").form_with("names")
    page = cora.client.post("/bundles/change", data=form.fields | {"names": "co.uk", "step": step})
    assert page.status_code == 422
    assert "not one site" in page.text
    assert ">co.uk</textarea>" in page.text


def test_whatever_is_sent_is_taken_or_refused_in_words(cora: Browser) -> None:
    honest = cora.open("/bundles/change?site=video.example.org").form_with("names").fields
    for odd in ODD:
        assert cora.client.get("/bundles/change", params={"site": odd}).status_code in {200, 400, 422}, odd[:20]
        assert cora.client.post("/bundles/remove", data=honest | {"site": odd}).status_code in {200, 400}, odd[:20]
        for field in ("site", "names", "revision", "step"):
            page = cora.client.post("/bundles/change", data=honest | {"step": "look", field: odd})
            assert page.status_code in {200, 400, 422}, (field, odd[:20])
