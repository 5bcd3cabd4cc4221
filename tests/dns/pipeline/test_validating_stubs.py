"""What a device that validates (RFC 4035, section 4) makes of a closed names, under a root that the test signed.

`delv` is BIND's validator: it asks the room for every link of the chain from the root's key downwards.
"""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns.message.constants import Rcode, RecordType
from dns.policy.delegation_proofs import proves_delegation
from dns.policy.verdict import Action, Step, Verdict
from dns.server.sockets import open_worker_sockets
from dns.worker import Worker
from dns.worker_config import WorkerSettings
from tests.fakes.dns_client import run
from tests.fakes.policy import FakePolicy
from tests.fakes.resolvers import InTest
from tests.fakes.signed_zones import SignedTree
from tests.fakes.static_policy import StaticPolicySource
from tests.fakes.upstream import FakeUpstream

DS, DNSKEY = RecordType.DS, RecordType.DNSKEY


@pytest.fixture(scope="module", name="tree")
def _tree() -> SignedTree:
    return SignedTree()


@pytest.fixture(scope="module", name="upstream")
def _upstream(tree: SignedTree) -> Iterator[FakeUpstream]:
    with FakeUpstream(behave=tree.behave) as server:
        yield server


def delve(upstream: FakeUpstream, tree: SignedTree, folder: Path, policy: FakePolicy, *names: str) -> list[str]:
    """Return what delv says of names that it asks a room for."""
    anchors = folder / "anchors"
    anchors.write_text(tree.anchors())

    async def story() -> list[str]:
        sockets = open_worker_sockets([("127.0.0.1", 0)])
        settings = WorkerSettings(networks=("127.0.0.0/8",), upstreams=(upstream.address,))
        worker = Worker(settings, sockets, StaticPolicySource(policy))
        ready = asyncio.Event()
        task = asyncio.create_task(worker.serve(ready.set))
        await ready.wait()
        said = []
        for name in names:
            command = ["delv", "@127.0.0.1", "-p", str(sockets.addresses[0][1]), "-a", str(anchors), name, "A"]
            process = await asyncio.create_subprocess_exec(
                *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            said.append((await process.communicate())[0].decode())
        worker.stop()
        await task
        return said

    found: list[str] = run(story())
    return found


def test_the_refusal_of_a_name_in_an_unsigned_zone_is_an_answer_for_a_validator(
    upstream: FakeUpstream, tree: SignedTree, tmp_path: Path
) -> None:
    """RFC 4035, section 5.2: the parent's proof that there is no DS makes it insecure, and not bogus."""
    policy = FakePolicy(blocked={"unsigned.example"})
    for said in delve(upstream, tree, tmp_path, policy, "unsigned.example", "www.unsigned.example"):
        assert "unsigned answer" in said
        assert "0.0.0.0" in said


def test_open_names_validate_as_ever_and_a_closed_signed_one_cannot(
    upstream: FakeUpstream, tree: SignedTree, tmp_path: Path
) -> None:
    """Nobody can forge a signature: a validator fails the name, which is closed as well."""
    opened, _ = delve(upstream, tree, tmp_path, FakePolicy(), "www.signed.example", "www.unsigned.example")
    assert "fully validated" in opened
    assert "192.0.2.7" in opened
    (closed,) = delve(upstream, tree, tmp_path, FakePolicy(blocked={"signed.example"}), "www.signed.example")
    assert "resolution failed" in closed
    assert "192.0.2.7" not in closed


def test_while_everything_is_closed_the_chain_to_what_is_open_holds(
    upstream: FakeUpstream, tree: SignedTree, tmp_path: Path
) -> None:
    """A lesson or a pause closes every name, the top-level domains too."""
    policy = FakePolicy(blocked={""}, unblocked={"signed.example": time.time() + 3600})
    (said,) = delve(upstream, tree, tmp_path, policy, "www.signed.example")
    assert "fully validated" in said


@pytest.mark.parametrize(
    ("name", "qtype", "entry", "proves"),
    [
        ("", DNSKEY, "the whole room", True),
        ("example", DS, "the whole room", True),
        ("site.example", DS, "the whole room", True),
        ("co.uk", DNSKEY, "the whole room", True),
        ("site.co.uk", DS, "the whole room", True),
        ("games.site.co.uk", DS, "games.site.co.uk", True),
        ("data.site.example", DS, "site.example", False),  # its zone's own server would be asked: a way out
        ("data.tunnel.co.uk", DS, "tunnel.co.uk", False),
        ("data.site.example", DNSKEY, "site.example", False),
        ("site.example", RecordType.TXT, "site.example", False),
        ("site.example", RecordType.NS, "site.example", False),
    ],
)
def test_only_what_proves_a_delegation_is_asked_of_the_upstream(
    name: str, qtype: int, entry: str, proves: bool
) -> None:
    assert proves_delegation(name, qtype, Verdict(Action.BLOCK, Step.LIST, "", "", entry)) is proves


def test_a_closed_name_says_nothing_but_whether_it_is_signed() -> None:
    room = InTest(FakePolicy(blocked={"games.example"}))
    assert room.ask("games.example", "DS").header.rcode == Rcode.NOERROR
    for name, qtype in (("games.example", "TXT"), ("games.example", "DNSKEY"), ("data.games.example", "DS")):
        room.ask(name, qtype)
    assert room.upstream.asked == [("games.example", DS), ("games.example", DNSKEY)]
