"""Following a trust over HTTP: one that is away, refuses, or answers far too much changes nothing."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from appliance.central import trust_membership
from appliance.central.room_life import hash_token
from appliance.central.trust_client import MAX_ANSWER_BYTES, TrustClient, TrustRefused, TrustUnreachable
from appliance.trust import school_list
from tests.fakes.ports import free_port
from tests.fakes.school import FakeSchool
from tests.fakes.trust import FakeTrust


@contextmanager
def answering(content: bytes, status: int = 200) -> Iterator[str]:
    """Serve one and the same answer, whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever asked may have heard enough
                self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's name)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("content", "status", "kind", "words"),
    [
        (b"x" * (MAX_ANSWER_BYTES + 1), 200, TrustUnreachable, "larger than any document"),
        (b"nonsense", 200, TrustUnreachable, "is not understood"),
        (b'{"document": 1}', 200, TrustUnreachable, "is not understood"),
        (b"nonsense", 502, TrustUnreachable, "it answers 502"),
        (b"nonsense", 403, TrustRefused, "it answers 403"),
        (b"", 302, TrustUnreachable, "it answers 302"),
    ],
)
def test_what_is_no_answer_of_a_trusts_is_none(
    content: bytes, status: int, kind: type[Exception], words: str
) -> None:
    with answering(content, status) as url, pytest.raises(kind, match=words):
        TrustClient(url, "", "credential").fetch_document()


def test_a_trust_that_is_not_there_cannot_be_reached() -> None:
    with pytest.raises(TrustUnreachable):
        TrustClient(f"http://127.0.0.1:{free_port()}", "", "credential").fetch_document()


def test_a_school_follows_its_trust_and_tells_it_how_it_is(tmp_path: Path) -> None:
    trust, school = FakeTrust(tmp_path / "trust"), FakeSchool(tmp_path / "central")
    server = make_server("127.0.0.1", 0, trust.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        trust.register("School One")
        invitation = trust.invite("School One")
        url = f"http://127.0.0.1:{server.server_port}"
        signed = TrustClient(url, "", invitation.token).enrol(hash_token("a credential"))
        with school.store.write_session() as session:
            trust_membership.join_trust(
                session, school.clock(), school.central.keys, invitation=invitation, credential="a credential",
                signed=signed, by="test",
            )  # fmt: skip
            trust_membership.require_membership(session).url = url
        trust.lay_down("category", category="games")

        assert school.central.trust_sync.follow_once() == ""

        with school.store.read_session() as session:
            kept = trust_membership.read_kept_document(session)
        assert kept is not None
        assert kept.locked_categories == ("games",)
        with trust.store.read_session() as session:
            (listed,) = school_list.list_schools(session, trust.clock())
        assert listed.numbers is not None
        assert listed.numbers.rooms == 0
    finally:
        server.shutdown()
        server.server_close()
    problem = school.central.trust_sync.follow_once()
    assert problem, "nobody is there any more"
    with school.store.read_session() as session:
        assert trust_membership.read_kept_document(session) == kept
    school.close()
    trust.close()
