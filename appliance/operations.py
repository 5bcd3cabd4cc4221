"""What rooms and a school's scripts can ask of central: one table, which makes the routes and the document.

A row is an operation: its method and address, what is sent and answered, what may go wrong, and the right that it
needs. The view of the same name stands in `webui/api/views.py`; the document is made in `appliance.openapi`. What
every operation answers alike (a token that is not known, a database that is away) stands in no row.
"""

from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec

from appliance import protocol, script_interface
from appliance.problem_details import ProblemType
from appliance.rights import Right
from dns.policy.document import PolicyDocument

BASE_PATH = "/api/v1"
SCRIPTS_PATH = "/school"  # below it: what is for scripts
INTERFACE_VERSION = "1"
MAX_BODY_BYTES = 64 * 1024  # the largest honest one is an incident with its evidence
PROBLEMS_OF_ALL = (
    ProblemType.UNKNOWN_TOKEN,
    ProblemType.CERTIFICATE_NEEDED,
    ProblemType.CERTIFICATE_ENDED,
    ProblemType.UNKNOWN_CERTIFICATE,
    ProblemType.ROOM_ENDED,
    ProblemType.COPY_STOPPED,
    ProblemType.BUSY,
    ProblemType.DATABASE_AWAY,
)
PROBLEMS_OF_SCRIPTS = (
    ProblemType.UNKNOWN_TOKEN,
    ProblemType.NOT_ALLOWED,
    ProblemType.TOO_MANY_CALLS,
    ProblemType.BUSY,
    ProblemType.DATABASE_AWAY,
)
_PROBLEMS_OF_BODIES = (ProblemType.BAD_MESSAGE, ProblemType.TOO_LARGE, ProblemType.UNSUPPORTED_MEDIA_TYPE)

Wanted = Annotated[protocol.Digest, msgspec.Meta(description="The hash of the index.")]
METADATA_NAME = r"(?:[0-9]{1,18}\.(?:root|snapshot|targets)|root|timestamp)\.json"
MetadataName = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{METADATA_NAME}$",
        max_length=40,
        description="A file of The Update Framework's metadata. `root.json` is the newest root.",
    ),
]
Base = Annotated[protocol.Digest, msgspec.Meta(description="The hash of an index that the room has.")]
MessageId = Annotated[protocol.Id, msgspec.Meta(description="The id that the room gave it.")]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered where nothing is wrong."""

    words: str
    kind: Any = None  # the type of what comes; None: nothing, or bytes
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()  # those that are part of the interface


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a room, or a script, can ask of central."""

    id: str
    caller: Literal["room", "script"] = "room"
    method: Literal["GET", "PUT", "POST", "DELETE"]
    path: str  # below `BASE_PATH`, with its parameters in braces
    summary: str
    right: Right
    parameters: MappingProxyType[str, Any] = MappingProxyType({})  # of the address, and their types
    query: MappingProxyType[str, Any] = MappingProxyType({})  # none has to be there
    body: type[msgspec.Struct] | None = None
    answers: MappingProxyType[int, Answer]
    own_problems: tuple[ProblemType, ...] = ()

    @property
    def problems(self) -> tuple[ProblemType, ...]:
        """Return everything that may go wrong."""
        of_all = PROBLEMS_OF_ALL if self.caller == "room" else PROBLEMS_OF_SCRIPTS
        of_body = _PROBLEMS_OF_BODIES if self.body is not None else ()
        of_address = (ProblemType.NOT_FOUND,) if self.parameters else ()
        return (*of_all, *of_body, *of_address, *self.own_problems)


def _ok(words: str, kind: Any, **more: Any) -> MappingProxyType[int, Answer]:
    return MappingProxyType({200: Answer(words=words, kind=kind, **more)})


def _delivery(path: str, body: type[msgspec.Struct], summary: str) -> Operation:
    """Return how a message with an id is delivered: once, however often it is sent."""
    return Operation(
        id=f"put_{path.removesuffix('s')}",
        method="PUT",
        path=f"/{path}/{{message_id}}",
        summary=f"{summary} The same id again changes nothing; one that another room has used is refused.",
        right=Right.DELIVER_MESSAGES,
        parameters=MappingProxyType({"message_id": MessageId}),
        body=body,
        answers=MappingProxyType(
            {
                201: Answer(words="It is kept.", kind=protocol.Received),
                200: Answer(words="It was kept before.", kind=protocol.Received),
            }
        ),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    )


def _of_script(
    id: str,  # noqa: A002 (the name of the field)
    address: str,
    right: Right,
    summary: str,
    answers: MappingProxyType[int, Answer],
    *,
    problems: tuple[ProblemType, ...] = (),
    **more: Any,
) -> Operation:
    """Return what a script can ask; `address`: its method and its path."""
    method, path = address.split()
    return Operation(
        id=id,
        caller="script",
        method=method,  # type: ignore[arg-type]  # one of the four: the table below is ours
        path=f"{SCRIPTS_PATH}{path}",
        summary=summary,
        right=right,
        answers=answers,
        own_problems=problems,
        **more,
    )


def _made(words: str, kind: Any) -> MappingProxyType[int, Answer]:
    return MappingProxyType({201: Answer(words=words, kind=kind)})


_REQUEST = MappingProxyType({"request_id": Annotated[protocol.Id, msgspec.Meta(description="The request's id.")]})
_OVER = MappingProxyType({204: Answer(words="It is over.")})

_OF_ROOMS = (
    Operation(
        id="get_feed",
        method="GET",
        path="/feed",
        summary=(
            "A response that does not end: where the room should be, one line of JSON at once and at every "
            "change. An empty line comes every ten seconds, so that silence is noticed."
        ),
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("One `Target` a line.", protocol.Target, media_type="application/x-ndjson"),
        own_problems=(ProblemType.BUSY,),
    ),
    Operation(
        id="request_certificate",
        method="POST",
        path="/certificate",
        summary=(
            "A certificate for the key that the room has made: with its token the first time, and with its "
            "certificate, also one that ended within a year, to renew it."
        ),
        right=Right.FOLLOW_SCHOOL,
        body=protocol.CertificateRequest,
        answers=_ok("The certificate, and the authority that signed it.", protocol.IssuedCertificate),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="get_page_certificate",
        method="GET",
        path="/page-certificate",
        summary="The certificate of the room's pages, and its key. Only for a room that shows its certificate.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("The certificate, or that there is none.", protocol.PageCertificate),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="sign_page_certificate",
        method="POST",
        path="/page-certificate",
        summary=(
            "A certificate of the school's authority for pages, for a key that the room has made for its pages. "
            "Only for a room that shows its own certificate."
        ),
        right=Right.FOLLOW_SCHOOL,
        body=protocol.CertificateRequest,
        answers=_ok("The certificate.", protocol.PageCertificate),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="get_policy",
        method="GET",
        path="/policy",
        summary="The room's policy. Its ETag is its digest.",
        right=Right.FOLLOW_SCHOOL,
        answers=MappingProxyType(
            {
                200: Answer(words="The policy.", kind=PolicyDocument, headers=("ETag",)),
                304: Answer(words="The room has it: `If-None-Match` names its digest."),
            }
        ),
        own_problems=(ProblemType.NOT_FOUND,),
    ),
    Operation(
        id="get_index",
        method="GET",
        path="/index/{version}",
        summary=(
            "A compiled index as one file, or with `base` an overlay over an index that the room has, where that "
            "is smaller. Parts of it by `Range`."
        ),
        right=Right.FOLLOW_SCHOOL,
        parameters=MappingProxyType({"version": Wanted}),
        query=MappingProxyType({"base": Base}),
        answers=MappingProxyType(
            {
                200: Answer(words="The file.", media_type="application/octet-stream", headers=("ETag",)),
                206: Answer(words="A part of it.", media_type="application/octet-stream", headers=("ETag",)),
                304: Answer(words="The room has it: `If-None-Match` names it."),
            }
        ),
        own_problems=(ProblemType.BAD_MESSAGE, ProblemType.RANGE_NOT_SATISFIABLE, ProblemType.BUSY),
    ),
    Operation(
        id="get_list_signature",
        method="GET",
        path="/signatures/{name}",
        summary="What says which index a room may take: metadata of The Update Framework, signed.",
        right=Right.FOLLOW_SCHOOL,
        parameters=MappingProxyType({"name": MetadataName}),
        answers=MappingProxyType({200: Answer(words="The file, as it was signed.", kind=dict[str, Any])}),
    ),
    _delivery("requests", protocol.UnblockRequest, "A teacher asks for a site."),
    Operation(
        id="delete_request",
        method="DELETE",
        path="/requests/{message_id}",
        summary=(
            "The teacher takes a waiting request back, or ends what it opened. An unknown one is no problem, "
            "another room's is."
        ),
        right=Right.DELIVER_MESSAGES,
        parameters=MappingProxyType({"message_id": MessageId}),
        answers=_ok("It is over.", protocol.Received),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="get_requests",
        method="GET",
        path="/requests",
        summary="The room's requests of the last day, and what became of them.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("The requests, the oldest first.", list[protocol.RequestState]),
    ),
    _delivery("reports", protocol.SiteReport, "A teacher wants a site to be closed."),
    _delivery("incidents", protocol.Incident, "Something that the safeguarding lead should look at."),
    Operation(
        id="get_incidents",
        method="GET",
        path="/incidents",
        summary="The room's incidents of the last day that were dealt with. Those of staff's are not among them.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("The incidents, the oldest first.", list[protocol.ClosedIncident]),
    ),
    Operation(
        id="get_lookups",
        method="GET",
        path="/lookups",
        summary="What the room is asked about its devices.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("The questions that wait, the oldest first.", list[protocol.LookupQuestion]),
    ),
    _delivery("lookups", protocol.LookupAnswer, "What the room says to a question. Only the first answer counts."),
    _delivery("actions", protocol.RoomAction, "What a teacher did in the room, for the audit."),
    Operation(
        id="put_actions",
        method="PUT",
        path="/actions",
        summary="Several of these at once, all or none. What was sent before changes nothing.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.RoomActions,
        answers=_ok("All are kept.", protocol.Received),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="put_health",
        method="PUT",
        path="/health",
        summary="How the room is: whenever that has changed, and every ten minutes.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.RoomHealth,
        answers=_ok("It is known; and which entry of the audit is the newest.", protocol.HealthReceived),
    ),
    Operation(
        id="put_counts",
        method="PUT",
        path="/counts",
        summary=(
            "An hour in numbers: answers by verdict and category, and refused sites that many asked for. Of the "
            "same hour the last word counts; what is older than nine days is left out."
        ),
        right=Right.DELIVER_MESSAGES,
        body=protocol.HourCounts,
        answers=_ok("It is taken in.", protocol.Received),
    ),
    Operation(
        id="put_audit_heads",
        method="PUT",
        path="/audit-heads",
        summary="The newest entries of the audit that the room was told of, each with its date.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.KeptHeads,
        answers=_ok("They are compared with the audit.", protocol.Received),
    ),
    Operation(
        id="put_seen_devices",
        method="PUT",
        path="/seen-devices",
        summary="Which devices are on the room's own network: when one comes, and every five minutes.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.SeenDevices,
        answers=_ok("It is known.", protocol.Received),
    ),
    Operation(
        id="get_accounts",
        method="GET",
        path="/accounts",
        summary="Which sessions and kept sign-ins of a room are over.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("Every account.", list[protocol.AccountState]),
    ),
    Operation(
        id="sign_in",
        method="POST",
        path="/sign-in",
        summary="Whose are a user name and a password? Where a code is asked too, it comes in a second call.",
        right=Right.CHECK_PASSWORDS,
        body=protocol.Credentials,
        answers=_ok("The account.", protocol.Account),
        own_problems=(
            ProblemType.WRONG_PASSWORD, ProblemType.CODE_NEEDED, ProblemType.WRONG_CODE,
            ProblemType.TOO_MANY_TRIES,
        ),
    ),
    Operation(
        id="start_sign_in",
        method="POST",
        path="/sign-in/start",
        summary="Somebody in the room is about to sign in at central: where their browser is to go.",
        right=Right.CHECK_PASSWORDS,
        body=protocol.RoomSignInStart,
        answers=_ok("The page.", protocol.RoomSignInPage),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="redeem_ticket",
        method="POST",
        path="/sign-in/ticket",
        summary="Who signed in at central? A ticket is good for one room, one browser, one try and two minutes.",
        right=Right.CHECK_PASSWORDS,
        body=protocol.SignInTicket,
        answers=_ok("The account.", protocol.Account),
        own_problems=(ProblemType.TICKET_REFUSED,),
    ),
    Operation(
        id="get_log_key",
        method="GET",
        path="/log-key",
        summary="The key of the room's query log.",
        right=Right.FOLLOW_SCHOOL,
        answers=_ok("The key.", protocol.LogKey),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
)  # fmt: skip

_OF_SCRIPTS = (
    _of_script(
        "list_school_rooms", "GET /rooms", Right.SEE_ROOMS, "The rooms, and how they are.",
        _ok("The rooms, by name.", list[script_interface.ScriptRoom]),
    ),
    _of_script(
        "list_school_requests", "GET /requests", Right.DECIDE_REQUESTS,
        "Teachers' requests: those that wait (`state` left out, or `waiting`), or those decided last.",
        _ok("The requests, at most 500.", list[script_interface.ScriptRequest]),
        problems=(ProblemType.BAD_MESSAGE,),
        query=MappingProxyType({"state": script_interface.RequestsWanted}),
    ),
    _of_script(
        "approve_school_request", "POST /requests/{request_id}/approval", Right.DECIDE_REQUESTS,
        "Opens what a request asks for. The maker of the key may not have asked for it.",
        _ok("What is open now.", script_interface.ScriptOpening), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_REQUEST, body=script_interface.Approval,
    ),
    _of_script(
        "deny_school_request", "POST /requests/{request_id}/denial", Right.DECIDE_REQUESTS,
        "Leaves closed what a request asks for, with words for the teacher.",
        _ok("The request.", script_interface.ScriptRequest), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_REQUEST, body=script_interface.Denial,
    ),
    _of_script(
        "list_school_openings", "GET /openings", Right.DECIDE_REQUESTS, "What is open, or will be.",
        _ok("The openings, the first to end first; at most 500.", list[script_interface.ScriptOpening]),
    ),
    _of_script(
        "open_school_site", "POST /openings", Right.DECIDE_REQUESTS,
        "Opens a site for a room or for the school, for some minutes. Sent twice, it is open twice.",
        _made("What is open now.", script_interface.ScriptOpening),
        problems=(ProblemType.NOT_POSSIBLE, ProblemType.NOT_FOUND), body=script_interface.NewOpening,
    ),
    _of_script(
        "end_school_opening", "DELETE /openings/{opening_id}", Right.DECIDE_REQUESTS,
        "Closes early what was opened. One that is over stays so.", _OVER,
        parameters=MappingProxyType({"opening_id": script_interface.RowId}),
    ),
    _of_script(
        "list_school_rules", "GET /rules", Right.EDIT_RULES, "The school's own rules.",
        _ok("The rules, by name.", list[script_interface.ScriptRule]),
    ),
    _of_script(
        "add_school_rule", "POST /rules", Right.EDIT_RULES, "Adds a rule for a name and its subdomains.",
        _made("The rule.", script_interface.ScriptRule), problems=(ProblemType.NOT_POSSIBLE,),
        body=script_interface.NewRule,
    ),
    _of_script(
        "remove_school_rule", "DELETE /rules/{rule_id}", Right.EDIT_RULES, "Takes a rule away.", _OVER,
        parameters=MappingProxyType({"rule_id": script_interface.RowId}),
    ),
    _of_script(
        "get_school_report", "GET /reports/{kind}", Right.READ_REPORTS,
        "A report of the usual time, without names and without any number under five.",
        _ok("The report.", script_interface.Report),
        parameters=MappingProxyType({"kind": script_interface.ReportWanted}),
    ),
)  # fmt: skip

OPERATIONS = (*_OF_ROOMS, *_OF_SCRIPTS)
