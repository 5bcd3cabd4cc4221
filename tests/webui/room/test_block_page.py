"""The page that stands where something is closed: calm, without a reason, with a way to tell a grown-up."""

import pytest
from flask.testing import FlaskClient


def test_a_closed_name_shows_a_calm_page_without_a_reason(stranger: FlaskClient) -> None:
    response = stranger.get("/some/page", headers={"Host": "www.casino.example"})
    page = response.get_data(as_text=True)
    assert response.status_code == 403
    assert "This page is closed here." in page
    assert "Tell a grown-up" in page
    assert "casino" not in page
    assert "Sign in" not in page


def test_telling_a_grown_up_needs_no_login_and_always_says_thank_you(stranger: FlaskClient) -> None:
    response = stranger.post("/hallpass/tell-a-grown-up", headers={"Host": "www.casino.example"})
    assert response.status_code == 200
    assert "Thank you for telling" in response.get_data(as_text=True)


@pytest.mark.parametrize("host", ["room-4.local", "room4", "192.0.2.4:8080", "[2001:db8::4]", "localhost:8080"])
def test_the_rooms_own_names_lead_to_the_teachers_page(stranger: FlaskClient, host: str) -> None:
    assert stranger.get("/sign-in", headers={"Host": host}).status_code == 200
