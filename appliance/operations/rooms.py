"""What rooms can ask of central."""

from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from appliance import protocol
from appliance.operations.operation import Answer, Operation, answer_ok
from appliance.problem_details import ProblemType
from appliance.rights import Right
from dns.policy.document import PolicyDocument

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


ROOMS_OPERATIONS = (
    Operation(
        id="get_feed",
        method="GET",
        path="/feed",
        summary=(
            "A response that does not end: where the room should be, one line of JSON at once and at every "
            "change. An empty line comes every ten seconds, so that silence is noticed."
        ),
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("One `Target` a line.", protocol.Target, media_type="application/x-ndjson"),
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
        answers=answer_ok("The certificate, and the authority that signed it.", protocol.IssuedCertificate),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="get_page_certificate",
        method="GET",
        path="/page-certificate",
        summary="The certificate of the room's pages, and its key. Only for a room that shows its certificate.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("The certificate, or that there is none.", protocol.PageCertificate),
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
        answers=answer_ok("The certificate.", protocol.PageCertificate),
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
        query=MappingProxyType({"by": protocol.Username}),
        answers=answer_ok("It is over.", protocol.Received),
        own_problems=(ProblemType.BAD_MESSAGE, ProblemType.NOT_POSSIBLE),
    ),
    Operation(
        id="get_requests",
        method="GET",
        path="/requests",
        summary="The room's requests of the last day, and what became of them.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("The requests, the oldest first.", list[protocol.RequestState]),
    ),
    _delivery("reports", protocol.SiteReport, "A teacher wants a site to be closed."),
    _delivery("incidents", protocol.Incident, "Something that the safeguarding lead should look at."),
    Operation(
        id="get_incidents",
        method="GET",
        path="/incidents",
        summary="The room's incidents of the last day that were dealt with. Those of staff's are not among them.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("The incidents, the oldest first.", list[protocol.ClosedIncident]),
    ),
    Operation(
        id="get_lookups",
        method="GET",
        path="/lookups",
        summary="What the room is asked about its devices.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("The questions that wait, the oldest first.", list[protocol.LookupQuestion]),
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
        answers=answer_ok("All are kept.", protocol.Received),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="put_health",
        method="PUT",
        path="/health",
        summary="How the room is: whenever that has changed, and every ten minutes.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.RoomHealth,
        answers=answer_ok("It is known; and which entry of the audit is the newest.", protocol.HealthReceived),
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
        answers=answer_ok("It is taken in.", protocol.Received),
    ),
    Operation(
        id="put_audit_heads",
        method="PUT",
        path="/audit-heads",
        summary="The newest entries of the audit that the room was told of, each with its date.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.KeptHeads,
        answers=answer_ok("They are compared with the audit.", protocol.Received),
    ),
    Operation(
        id="put_seen_devices",
        method="PUT",
        path="/seen-devices",
        summary="Which devices are on the room's own network: when one comes, and every five minutes.",
        right=Right.DELIVER_MESSAGES,
        body=protocol.SeenDevices,
        answers=answer_ok("It is known.", protocol.Received),
    ),
    Operation(
        id="get_accounts",
        method="GET",
        path="/accounts",
        summary="Which sessions and kept sign-ins of a room are over.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("Every account.", list[protocol.AccountState]),
    ),
    Operation(
        id="sign_in",
        method="POST",
        path="/sign-in",
        summary="Whose are a user name and a password? Where a code is asked too, it comes in a second call.",
        right=Right.CHECK_PASSWORDS,
        body=protocol.Credentials,
        answers=answer_ok("The account.", protocol.Account),
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
        answers=answer_ok("The page.", protocol.RoomSignInPage),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
    Operation(
        id="redeem_ticket",
        method="POST",
        path="/sign-in/ticket",
        summary="Who signed in at central? A ticket is good for one room, one browser, one try and two minutes.",
        right=Right.CHECK_PASSWORDS,
        body=protocol.SignInTicket,
        answers=answer_ok("The account.", protocol.Account),
        own_problems=(ProblemType.TICKET_REFUSED,),
    ),
    Operation(
        id="get_log_key",
        method="GET",
        path="/log-key",
        summary="The key of the room's query log.",
        right=Right.FOLLOW_SCHOOL,
        answers=answer_ok("The key.", protocol.LogKey),
        own_problems=(ProblemType.NOT_POSSIBLE,),
    ),
)  # fmt: skip
