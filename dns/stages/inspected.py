"""Looks at what came back: an alias, address or HTTPS hint that leads somewhere closed closes the name too."""

import socket
from collections.abc import Callable, Iterator, Sequence

from dns import render, svcb
from dns.asked import Asked
from dns.chain import Outcome, Stage
from dns.errors import MalformedMessage
from dns.skim import Record
from dns.verdict import Action, Verdict, View
from dns.wire import AAAA, CNAME, DNAME, HTTPS, SVCB, A, name_at


def inspected(page: Callable[[], Sequence[str]]) -> Stage:
    """Return the stage. `page`: the addresses of the page on which this room explains a refusal."""

    def stage(asked: Asked) -> Outcome:
        client, found, verdict = asked.client, asked.found, asked.verdict
        if client is None or found is None or verdict is None:
            return None
        try:
            records = found.take_records()
            for record in records:
                verdict = _decide(record, found.message, asked, client.view, verdict)
                if verdict.action is Action.REFUSE:
                    return render.refused(asked.query, verdict, client.view.refusal, asked.now, page())
        except MalformedMessage:
            return render.failure(2)
        asked.verdict = verdict
        return None

    return stage


def _decide(record: Record, message: bytes, asked: Asked, view: View, verdict: Verdict) -> Verdict:
    """Decide one record; the verdict so far comes back where it leads nowhere closed."""
    rtype, at = record.rtype, record.data_at
    if rtype == A and record.data_bytes == 4:
        return _address(socket.inet_ntop(socket.AF_INET, message[at : at + 4]), asked, view, verdict)
    if rtype == AAAA and record.data_bytes == 16:
        return _address(socket.inet_ntop(socket.AF_INET6, message[at : at + 16]), asked, view, verdict)
    if rtype in {CNAME, DNAME}:
        return _name(name_at(message, at), asked, view, verdict)
    if rtype in {SVCB, HTTPS}:
        for kind, text in _service(message[at : at + record.data_bytes]):
            decide = _name if kind == "name" else _address
            verdict = decide(text, asked, view, verdict)
            if verdict.action is Action.REFUSE:
                break
    return verdict


def _name(name: str, asked: Asked, view: View, verdict: Verdict) -> Verdict:
    if not name or name == asked.lookup:
        return verdict
    asked.names.append(name)
    return view.inspect_name(name, asked.query.qtype, verdict, asked.now)


def _address(address: str, asked: Asked, view: View, verdict: Verdict) -> Verdict:
    return view.inspect_address(address, asked.query.name, verdict, asked.now)


def _service(data: bytes) -> Iterator[tuple[str, str]]:
    service = svcb.read(data)
    yield "name", service.target
    for address in service.addresses():
        yield "address", address
