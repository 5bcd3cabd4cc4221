"""Turns away strangers, and devices that ask more than their share.

A stranger gets REFUSED, which is never longer than what it asked: nothing can be amplified through us. A device
over its limit is told to come back over TCP (TC), which a flood with a forged address cannot do, and a real
device does by itself; over TCP, where that says nothing, it is REFUSED.
"""

import msgspec

from dns.message import edns
from dns.message.builder import failure
from dns.message.response import Answer
from dns.message.wire import NOERROR, REFUSED
from dns.pipeline.context import Asked
from dns.pipeline.pipeline import Outcome


def welcome(asked: Asked) -> Outcome:
    """Let known devices pass that have a token left."""
    client = asked.client
    if client is None:
        # Our OPT record could be longer than the asker's.
        asked.query = msgspec.structs.replace(asked.query, edns=None)
        return Answer(REFUSED, "failed")
    is_udp = asked.transport == "udp"
    if client.admit() if is_udp else client.admit_stream():
        return None
    if is_udp:
        answer = Answer(NOERROR, "failed")
        answer.truncated = True
        return answer
    return failure(REFUSED, (edns.PROHIBITED, "too many questions"))
