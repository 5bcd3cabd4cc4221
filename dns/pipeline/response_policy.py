"""Looks at what came back: an alias or address, in any record, that leads somewhere closed closes the name too.

So does an upstream that says it keeps the name closed (RFC 8914): its refusal then looks like every other of this
room's, page included, and says that it is somebody else's.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dns.clients import Client
from dns.errors import MalformedMessage
from dns.message import builder, svcb
from dns.message.carried_addresses import CARRIERS, carried_addresses
from dns.message.constants import ExtendedErrorCode, Rcode, RecordType
from dns.message.wire_names import name_from_wire
from dns.pipeline.context import RequestContext
from dns.pipeline.pipeline import Stage, StageResult
from dns.policy.verdict import Action, Step, Verdict, View

# Remembered; sites share few addresses, and asking the policy costs more than the rest.
MAX_SAFE_ADDRESSES: Final = 8192

# Looked up by name at every use otherwise.
_REFUSE: Final = Action.BLOCK
_DEFAULT: Final = Step.DEFAULT
# Plain numbers: these are used for every record of every answer; see `dns.message.constants`.
_A: Final = int(RecordType.A)
_AAAA: Final = int(RecordType.AAAA)
_CNAME: Final = int(RecordType.CNAME)
_DNAME: Final = int(RecordType.DNAME)
_SVCB: Final = int(RecordType.SVCB)
_HTTPS: Final = int(RecordType.HTTPS)
_ADDRESSES: Final = frozenset({_A, _AAAA})
_NONE: Final = frozenset[bytes]()
_MALFORMED_RECORD: Final = (ExtendedErrorCode.OTHER, "a record of this name is malformed")


def _decide_raw_address(raw: bytes, context: RequestContext, client: Client, verdict: Verdict) -> Verdict:
    """Decide an address; remember it if it is a public one that this view lets pass for any name."""
    if verdict.step is _DEFAULT and client.view.passes_address(raw):
        if len(client.safe_addresses) >= MAX_SAFE_ADDRESSES:
            client.safe_addresses.clear()
        client.safe_addresses.add(raw)
        return verdict
    text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    return _decide_address(text, context, client.view, verdict)


def response_policy_stage(page_addresses: Callable[[], Sequence[str]]) -> Stage:
    """Return the stage. `page_addresses`: the addresses of the page on which this room explains a refusal."""

    def stage(context: RequestContext) -> StageResult:
        client, cached, verdict = context.client, context.cached, context.verdict
        if client is None or cached is None or verdict is None:
            return None
        if cached.extended_error is not None and cached.extended_error.blocked_text is not None:
            verdict = Verdict(_REFUSE, Step.UPSTREAM, source="upstream", entry=cached.extended_error.blocked_text)
            return builder.build_blocked_response(
                context.query, verdict, client.view.blocking_mode, context.now, page_addresses()
            )
        message = cached.message
        # After a verdict by default, public addresses that were let pass once need not be decided again.
        safe_addresses = client.safe_addresses if verdict.step is _DEFAULT else _NONE
        try:
            for rtype, _, _, _, at, size in cached.take_records():
                if rtype in _ADDRESSES and message[at : at + size] in safe_addresses:
                    continue
                verdict = context.verdict = _decide_record(rtype, at, size, message, context, client, verdict)
                if verdict.action is _REFUSE:
                    return builder.build_blocked_response(
                        context.query, verdict, client.view.blocking_mode, context.now, page_addresses()
                    )
        except MalformedMessage:
            return builder.build_error_response(Rcode.SERVFAIL, _MALFORMED_RECORD)
        return None

    return stage


def _decide_record(  # noqa: PLR0917 (the record in its parts, because naming them would cost every answer)
    rtype: int, at: int, size: int, message: bytes, context: RequestContext, client: Client, verdict: Verdict
) -> Verdict:
    """Decide one record by its data's place; the verdict so far comes back where it leads nowhere closed."""
    if rtype == _A and size == 4:
        return _decide_raw_address(message[at : at + 4], context, client, verdict)
    if rtype == _AAAA and size == 16:
        return _decide_raw_address(message[at : at + 16], context, client, verdict)
    if rtype in {_CNAME, _DNAME}:
        return _decide_name(name_from_wire(message, at), context, client.view, verdict)
    if rtype in {_SVCB, _HTTPS}:
        for kind, text in _service_targets(message[at : at + size]):
            decide = _decide_name if kind == "name" else _decide_address
            verdict = decide(text, context, client.view, verdict)
            if verdict.action is _REFUSE:
                break
    elif rtype in CARRIERS:
        for text in carried_addresses(rtype, message[at : at + size]):
            verdict = _decide_address(text, context, client.view, verdict)
    return verdict


def _decide_name(name: str, context: RequestContext, view: View, verdict: Verdict) -> Verdict:
    if not name or name == context.lookup_name:
        return verdict
    context.dependent_names += (name,)
    return view.inspect_name(name, context.query.qtype, verdict, context.now)


def _decide_address(address: str, context: RequestContext, view: View, verdict: Verdict) -> Verdict:
    return view.inspect_address(address, context.query.name, verdict, context.now)


def _service_targets(data: bytes) -> Iterator[tuple[str, str]]:
    service = svcb.parse_service_binding(data)
    yield "name", service.target
    for address in service.address_hints():
        yield "address", address
