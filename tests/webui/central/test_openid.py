"""Signing in at central by a real OpenID provider of the tests' own, and every way in which one may lie."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select

from appliance.central import mail_outbox, openid_accounts, second_factor
from appliance.central.models import AuditRow, UserRow
from appliance.settings.openid import CALLBACK_PATH, OpenIdSection
from tests.e2e.browser import Browser
from tests.fakes.code_app import code_of
from tests.fakes.openid_provider import CLIENT_ID, SECRET, FakeProvider
from tests.fakes.school import PASSWORD
from tests.webui.conftest import ServedSchool

HONEST = {"email": "cora@example.org", "email_verified": True}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedSchool, FakeProvider]]:
    with ExitStack() as stack:
        provider = FakeProvider()
        stack.callback(provider.close)
        school = ServedSchool(tmp_path_factory.mktemp("central"))
        stack.callback(school.close)
        for name in ("cora", "dora", "emma", "tess"):
            school.account(name, "teacher" if name == "tess" else "coordinator")
            with school.store.write_session() as session:
                address = f"{name}@example.org"
                mail_outbox.set_mail_address(session, school.clock(), username=name, address=address, by="test")
        yield school, provider


@pytest.fixture
def provider(served: tuple[ServedSchool, FakeProvider]) -> FakeProvider:
    return served[1]


@pytest.fixture
def school(served: tuple[ServedSchool, FakeProvider]) -> ServedSchool:
    school, provider = served
    for what in (provider.lies, provider.metadata_lies, provider.back_lies):
        what.clear()
    provider.forge, provider.person = "", {"sub": "sub of cora", **HONEST}
    school.clock.time = school.clock.time.fromtimestamp(time.time(), school.clock.time.tzinfo)
    use(school, provider)
    return school


def use(school: ServedSchool, provider: FakeProvider, **settings: Any) -> None:
    """Give a school its provider, with other settings."""
    secret = school.central.settings.central.data / "openid.secret"
    secret.write_text(f"{SECRET}\n")
    section = OpenIdSection(
        issuer=provider.issuer, client_id=CLIENT_ID, client_secret_file=secret, label="Example account", **settings
    )
    central = msgspec.structs.replace(school.central.settings.central, url=school.url)
    school.central.settings = msgspec.structs.replace(school.central.settings, central=central, openid=section)
    school.central.forget_openid_provider()


@pytest.fixture
def browser(school: ServedSchool) -> Iterator[Browser]:
    with Browser(school.url) as one:
        yield one


def come(browser: Browser, wanted: str = "") -> bool:
    """Press the button and tell whether one is signed in then."""
    browser.response = browser.client.get("/sign-in/openid", params={"next": wanted} if wanted else {})
    assert browser.response.status_code in (200, 404), browser.text
    return "Sign out" in browser.text


def user(school: ServedSchool, username: str) -> UserRow | None:
    with school.store.read_session() as session:
        return session.get(UserRow, username)


def as_person(provider: FakeProvider, who: str, **more: Any) -> None:
    provider.person = {"sub": f"sub of {who}", "email": f"{who}@example.org", "email_verified": True, **more}


def test_somebody_with_an_account_signs_in_and_goes_on_to_where_they_were_going(
    school: ServedSchool, browser: Browser
) -> None:
    assert "Sign in with Example account" in browser.open("/sign-in").text
    assert come(browser, "/rules?page=1")
    assert browser.response is not None
    assert str(browser.response.url) == f"{school.url}/rules?page=1"
    with school.store.read_session() as session:
        said = list(session.scalars(select(AuditRow.what).where(AuditRow.detail == "cora")))
    assert "linked with the school's sign-in" in said
    for odd in (
        "//example.org",
        "https://example.org",
        "/\\example.org",
        "/%0a/example.org",
        "javascript:alert(1)",
    ):
        with Browser(school.url) as other:
            assert come(other, odd), odd
            assert other.response is not None
            assert str(other.response.url).startswith(school.url), odd


LIES: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "another"},
    "several audiences, given to another": {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "several audiences, given to nobody": {"aud": [CLIENT_ID, "another"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example.org"},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "an end that is a word": {"exp": "tomorrow"},
    "made tomorrow": {"iat": int(time.time()) + 86_400},
    "for nobody": {"sub": ""},
    "a list for a person": {"sub": ["cora"]},
    "the hash of another answer": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "an address that nobody checked": {"email_verified": False},
    "an address of which nothing is said": {"email_verified": None},
    "a word for a check": {"email_verified": "true"},
    "no address": {"email": None},
    "addresses": {"email": ["cora@example.org"]},
    "an odd address": {"email": "cora@example.org\u202e"},
    "a stranger": {"sub": "another", "email": "nobody@example.org"},
}


@pytest.mark.parametrize("lie", LIES)
def test_nobody_comes_in_by_an_id_token_that_is_not_for_them(
    school: ServedSchool, provider: FakeProvider, browser: Browser, lie: str
) -> None:
    with school.store.write_session() as session:
        session.get_one(UserRow, "cora").openid_subject = ""
    provider.lies = dict(LIES[lie])
    assert not come(browser)
    assert "Password" in browser.text
    found = user(school, "cora")
    assert found is not None
    assert not found.openid_subject
    provider.lies = {}
    assert come(browser), "and who is honest comes in afterwards"


@pytest.mark.parametrize("forge", ["none", "HS256", "another key"])
def test_a_token_that_no_key_of_the_provider_signed_is_worth_nothing(
    school: ServedSchool, provider: FakeProvider, browser: Browser, forge: str
) -> None:
    provider.forge = forge
    assert not come(browser)


def test_an_answer_is_taken_once_in_the_browser_that_asked_and_from_the_provider_that_was_asked(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    away = browser.client.get("/sign-in/openid", follow_redirects=False)
    cookies = dict(browser.client.cookies)
    back = browser.client.get(away.headers["Location"], follow_redirects=False).headers["Location"]
    assert back.startswith(f"{school.url}{CALLBACK_PATH}?")
    with Browser(school.url) as stranger:
        assert "Sign out" not in stranger.client.get(back).text, "a link that somebody was sent"
        stranger.client.get("/sign-in/openid", follow_redirects=False)
        assert "Sign out" not in stranger.client.get(back).text, "nor in the middle of one's own way"
    assert provider.token_calls >= 0
    assert "Sign out" in browser.client.get(back).text
    calls = provider.token_calls
    with Browser(school.url) as thief:
        thief.client.cookies.update(cookies)
        assert "Sign out" not in thief.client.get(back).text
        assert provider.token_calls == calls, "nobody is asked about an answer that was brought before"
    for lies in ({"iss": "https://evil.example.org"}, {"iss": ""}, {"state": "another"}, {"code": ""},
                 {"code": "made up"}, {"error": "access_denied", "code": ""}):  # fmt: skip
        provider.back_lies = lies
        with Browser(school.url) as other:
            assert not come(other), lies
    provider.back_lies = {}
    with Browser(school.url) as late:
        away = late.client.get("/sign-in/openid", follow_redirects=False)
        back = late.client.get(away.headers["Location"], follow_redirects=False).headers["Location"]
        school.clock.pass_minutes(11)
        assert "Sign out" not in late.client.get(back).text


def test_a_provider_that_is_another_one_or_names_places_in_the_clear_is_not_asked(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    for lies in ({"issuer": "https://evil.example.org"}, {"token_endpoint": "http://192.0.2.1/token"},
                 {"authorization_endpoint": "javascript:alert(1)"}, {"jwks_uri": 7}):  # fmt: skip
        provider.metadata_lies = lies
        use(school, provider)
        assert not come(browser), lies
        assert "did not work" in browser.text
    provider.metadata_lies = {}
    use(school, provider)
    assert come(browser)


def test_what_comes_back_may_be_anything(school: ServedSchool, browser: Browser) -> None:
    for odd in ("\x00", "\u202e", "x" * 9_999, "[]", "%00", ""):
        for name in ("code", "state", "iss", "error"):
            browser.client.get("/sign-in/openid", follow_redirects=False)
            answer = browser.client.get(CALLBACK_PATH, params={name: odd, "state": odd})
            assert answer.status_code < 500, (name, odd)
            assert "Sign out" not in answer.text


def test_a_key_that_is_new_is_fetched_and_an_address_given_to_somebody_else_gives_no_account(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    as_person(provider, "dora")
    assert come(browser)
    press_out(browser)
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    assert come(browser)
    press_out(browser)
    as_person(provider, "dora", sub="another person")
    assert not come(browser)
    assert "somebody else" in browser.text
    as_person(provider, "dora", email="renamed@example.org")
    assert come(browser), "the provider's own number for a person counts"
    press_out(browser)
    with school.store.write_session() as session:
        openid_accounts.unlink(session, school.clock(), username="dora", by="cora")
    as_person(provider, "dora", sub="another person")
    assert come(browser)


def press_out(browser: Browser) -> None:
    browser.send(browser.open("/your-sign-ins").form_with(action="/sign-out"))


def test_a_second_step_is_asked_here_as_well_and_teachers_are_sent_to_their_room(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    keys, now = school.central.keys, school.clock()
    with school.store.write_session() as session:
        second_factor.begin(session, keys, now, username="emma")
        found = second_factor.find_set_up(session, keys, now, username="emma", school="Example Primary")
        assert found is not None
        second_factor.confirm(session, keys, now, username="emma", code=code_of(found.secret, now, steps=-1))
    as_person(provider, "emma")
    assert not come(browser, "/rules")
    assert "Your code" in browser.text
    browser.send(browser.form_with("code"), code=code_of(found.secret, now))
    assert browser.response is not None
    assert browser.response.url.path == "/rules"
    as_person(provider, "tess")
    with Browser(school.url) as tess:
        assert not come(tess)
        assert "Teachers sign in on their room" in tess.text


def test_accounts_and_roles_come_from_the_provider_only_as_the_settings_say(
    school: ServedSchool, provider: FakeProvider
) -> None:
    def signs_in(**settings: Any) -> bool:
        use(school, provider, **settings)
        with Browser(school.url) as one:
            return come(one)

    as_person(provider, "gus", groups=["staff", "admins"], roles=["coordinator"], name="Gus Governor")
    assert not signs_in()
    assert user(school, "gus") is None
    mapping: dict[str, Any] = {"roles_claim": "groups", "roles": {"governors": "governor", "admins": "technician"}}
    assert not signs_in(**mapping), "nor is an account made where none shall be"
    assert signs_in(new_account_role="governor")
    gus = user(school, "gus")
    assert gus is not None
    assert (gus.name, gus.roles) == ("Gus Governor", ["governor"])
    assert signs_in(**mapping)
    gus = user(school, "gus")
    assert gus is not None
    assert gus.roles == ["technician"]
    as_person(provider, "gus", groups=["pupils", 7, None])
    assert not signs_in(**mapping), "whom the provider gives nothing to do does nothing"
    as_person(provider, "other", email="gus@example.net")
    assert not signs_in(new_account_role="governor"), "a user name of somebody else's is not taken"


def test_passwords_can_be_switched_off_for_those_who_come_by_the_provider(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    use(school, provider, passwords=False)
    assert come(browser)
    with Browser(school.url) as other:
        page = other.open("/sign-in")
        token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page.text)
        assert token
        fields = {"csrf_token": token[1], "username": "cora", "password": PASSWORD}
        answer = other.client.post("/sign-in", data=fields)
        assert "Sign out" not in answer.text
        assert "Sign in with Example account" in answer.text
        school.account("hal", "head")
        assert "Sign out" in other.sign_in("hal", PASSWORD).text, "who never came by it keeps a password"


def test_whoever_has_no_password_here_sets_up_a_second_step_without_one(
    school: ServedSchool, provider: FakeProvider, browser: Browser
) -> None:
    use(school, provider, new_account_role="governor")
    as_person(provider, "iris")
    assert come(browser)
    form = browser.open("/your-second-step").form_with(action="/begin")
    browser.send(form)
    found = re.search(r"type this into the app: <code[^>]*>([^<]+)<", browser.text)
    assert found
    code = code_of(found[1].replace(" ", ""), school.clock())
    browser.send(browser.form_with("code", "password"), code=code, password="wrong")
    assert "password is not right" in browser.text
    browser.send(browser.form_with("code", "password"), code=code)
    assert "is set up" in browser.text
