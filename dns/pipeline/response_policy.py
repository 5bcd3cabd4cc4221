"""Looks at what came back: an alias, address or HTTPS hint that leads somewhere closed closes the name too.

So does an upstream that says it keeps the name closed (RFC 8914): its refusal then looks like every other of this
room's, page included, and says that it is somebody else's.
"""

import socket
from collections.abc import Callable, Iterator, Sequence

from dns.clients import Client
from dns.errors import MalformedMessage
from dns.message import builder, svcb
from dns.message.wire import AAAA, CNAME, DNAME, HTTPS, SVCB, A, name_at
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import Outcome, Stage
from dns.policy.verdict import Action, Step, Verdict, View

HARMLESS_ADDRESSES = 8192  # remembered; sites share few addresses, and asking the policy costs more than the rest

_REFUSE, _DEFAULT = Action.BLOCK, Step.DEFAULT  # looked up by name at every use otherwise
_ADDRESSES = frozenset({A, AAAA})
_NONE = frozenset[bytes]()

# First bytes of addresses that mean something only within a network (RFC 1918 and others). For these the asked
# name matters too (rebinding), so the policy decides each time.
_LOCAL_FIRST_BYTES = frozenset({0, 10, 100, 127, 169, 172, *range(224, 256)})


def _remembering(raw: bytes, asked: Asked, client: Client, verdict: Verdict) -> Verdict:
    """Decide an address; remember it if it is a public one that this view lets pass for any name."""
    text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    decided = _address(text, asked, client.view, verdict)
    if decided is verdict and verdict.step is _DEFAULT and _is_public(raw):
        if len(client.harmless) >= HARMLESS_ADDRESSES:
            client.harmless.clear()
        client.harmless.add(raw)
    return decided


def _is_public(raw: bytes) -> bool:
    first = raw[0]
    if len(raw) == 16:
        return 0x20 <= first < 0x40  # RFC 4291, section 2.4: global unicast
    return first not in _LOCAL_FIRST_BYTES and raw[:2] != b"\xc0\xa8"


def inspected(page: Callable[[], Sequence[str]]) -> Stage:
    """Return the stage. `page`: the addresses of the page on which this room explains a refusal."""

    def stage(asked: Asked) -> Outcome:
        client, found, verdict = asked.client, asked.found, asked.verdict
        if client is None or found is None or verdict is None:
            return None
        if found.told is not None and found.told.refusal is not None:
            verdict = Verdict(_REFUSE, Step.UPSTREAM, source="upstream", entry=found.told.refusal)
            return builder.refused(asked.query, verdict, client.view.blocking_mode, asked.now, page())
        message = found.message
        # After a verdict by default, public addresses that were let pass once need not be decided again.
        harmless = client.harmless if verdict.step is _DEFAULT else _NONE
        try:
            for rtype, _, _, _, at, size in found.take_records():
                if rtype in _ADDRESSES and message[at : at + size] in harmless:
                    continue
                verdict = asked.verdict = _decide(rtype, at, size, message, asked, client, verdict)
                if verdict.action is _REFUSE:
                    return builder.refused(asked.query, verdict, client.view.blocking_mode, asked.now, page())
        except MalformedMessage:
            return builder.failure(2)
        return None

    return stage


def _decide(  # noqa: PLR0917 (the record in its parts, because naming them would cost every answer)
    rtype: int, at: int, size: int, message: bytes, asked: Asked, client: Client, verdict: Verdict
) -> Verdict:
    """Decide one record by its data's place; the verdict so far comes back where it leads nowhere closed."""
    if rtype == A and size == 4:
        return _remembering(message[at : at + 4], asked, client, verdict)
    if rtype == AAAA and size == 16:
        return _remembering(message[at : at + 16], asked, client, verdict)
    if rtype in {CNAME, DNAME}:
        return _name(name_at(message, at), asked, client.view, verdict)
    if rtype in {SVCB, HTTPS}:
        for kind, text in _service(message[at : at + size]):
            decide = _name if kind == "name" else _address
            verdict = decide(text, asked, client.view, verdict)
            if verdict.action is _REFUSE:
                break
    return verdict


def _name(name: str, asked: Asked, view: View, verdict: Verdict) -> Verdict:
    if not name or name == asked.lookup:
        return verdict
    asked.names += (name,)
    return view.inspect_name(name, asked.query.qtype, verdict, asked.now)


def _address(address: str, asked: Asked, view: View, verdict: Verdict) -> Verdict:
    return view.inspect_address(address, asked.query.name, verdict, asked.now)


def _service(data: bytes) -> Iterator[tuple[str, str]]:
    service = svcb.read(data)
    yield "name", service.target
    for address in service.addresses():
        yield "address", address
