"""What an answer tells of what a plain server bears, and what it may only seem to tell.

An answer that may come of the way in which was asked is doubted, and the question put to the server once more in
another way (`doubt_answer`, `doubt_bare_error`); what comes then is evidence (`note_evidence`). All of this is for
answers that are not the usual ones.
"""

from dns.errors import MalformedMessage
from dns.forward import extended_error
from dns.forward.capabilities import SMALL_DATAGRAM_BYTES, Capability, ServerCapabilities
from dns.forward.pending_query import NOT_UNDERSTOOD, PendingQuery, is_about_name
from dns.message.header import RA, rcode_of


def doubt_answer(capabilities: ServerCapabilities, pending: PendingQuery, data: bytes) -> bool:
    """Have a question sent in another way where its answer may only be about this one. False: it is believed."""
    if rcode_of(data) in NOT_UNDERSTOOD and _may_drop_edns(capabilities, pending):
        # Is it the question that it does not understand, or our OPT record?
        drop_edns(pending)
    elif _is_case_doubtful(capabilities, pending, data):
        pending.is_edns_doubted = False  # it fails without as well
        drop_case(pending)
    elif _is_edns_doubtful(capabilities, pending, data):
        pending.is_case_doubted = False  # it fails in plain letters as well
        drop_edns(pending)
    else:
        return False
    return True


def doubt_bare_error(capabilities: ServerCapabilities, pending: PendingQuery) -> bool:
    """Have a question sent in another way that was not understood, nobody says which. False: there is no other."""
    if _may_drop_edns(capabilities, pending):
        drop_edns(pending)
    elif pending.is_mixed and capabilities.is_open(Capability.MIXED_CASE):
        pending.is_edns_doubted = False
        drop_case(pending)
    else:
        return False
    return True


def drop_edns(pending: PendingQuery) -> None:
    """Have a question sent without EDNS, in order to see whether it was that."""
    pending.has_edns = False
    pending.is_edns_doubted = True


def drop_case(pending: PendingQuery) -> None:
    """Have a question sent in the client's letters, in order to see whether it was the mixed ones."""
    pending.is_case_doubted = pending.is_mixed
    pending.send_plain()


def note_evidence(capabilities: ServerCapabilities, pending: PendingQuery, data: bytes, now: float) -> None:
    """Learn from an answer what the server bears."""
    if not is_about_name(data):
        return
    if not pending.has_edns:
        if pending.is_edns_doubted:
            capabilities.note_evidence_against(Capability.EDNS, now)
    else:
        capabilities.note_shown(Capability.EDNS)
        capabilities.is_edns_proven = capabilities.is_edns_proven or has_records(data)
    if has_records(data):
        if pending.is_case_doubted:
            capabilities.note_evidence_against(Capability.MIXED_CASE, now)
        elif pending.is_mixed and pending.is_answered_by(data):
            capabilities.note_shown(Capability.MIXED_CASE)
            capabilities.is_case_proven = True
    if pending.is_udp_doubted:
        large = len(data) > SMALL_DATAGRAM_BYTES
        capabilities.note_evidence_against(Capability.LARGE_DATAGRAMS if large else Capability.UDP, now)


def has_records(data: bytes) -> bool:
    """Tell whether a message's answer section holds anything."""
    return data[6:8] != b"\0\0"


def _may_drop_edns(capabilities: ServerCapabilities, pending: PendingQuery) -> bool:
    return pending.has_edns and capabilities.is_open(Capability.EDNS)


def _is_case_doubtful(capabilities: ServerCapabilities, pending: PendingQuery, data: bytes) -> bool:
    """Tell whether an answer may only mean that the server cannot bear mixed letters."""
    if not pending.is_mixed or not capabilities.is_open(Capability.MIXED_CASE):
        return False
    if is_about_name(data) and (capabilities.is_case_proven or has_records(data)):
        return False
    return not _is_final_failure(data)


def _is_edns_doubtful(capabilities: ServerCapabilities, pending: PendingQuery, data: bytes) -> bool:
    """Tell whether an answer may only mean that the server cannot bear EDNS, which never brought anything."""
    if capabilities.is_edns_proven or not _may_drop_edns(capabilities, pending):
        return False
    if is_about_name(data) and (has_records(data) or (data[3] & RA and data[8:10] != b"\0\0")):
        return False
    return not _is_final_failure(data)


def _is_final_failure(data: bytes) -> bool:
    """Tell whether a failure is about the name, or cannot be read: then it is not asked about again."""
    try:
        return extended_error.is_final_failure(data)
    except MalformedMessage:
        return True
