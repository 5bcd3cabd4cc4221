"""What the central of a school can ask of its trust."""

from types import MappingProxyType

from appliance import protocol, trust_protocol
from appliance.operations.operation import Answer, Operation, answer_ok
from appliance.rights import Right

TRUST_PATH = "/trust"

TRUST_OPERATIONS = (
    Operation(
        id="enrol_school",
        caller="invited",
        method="POST",
        path=f"{TRUST_PATH}/enrolment",
        summary=(
            "Enrols a school's central, by the token of its invitation: once. Sent again with the same "
            "credential, it is answered alike."
        ),
        right=Right.ENROL_AT_TRUST,
        body=trust_protocol.SchoolEnrolment,
        answers=answer_ok("The school's document.", trust_protocol.SignedDocument),
    ),
    Operation(
        id="get_document",
        caller="school",
        method="GET",
        path=f"{TRUST_PATH}/document",
        summary="What the trust has laid down for the school that asks. Its ETag is its digest.",
        right=Right.FOLLOW_TRUST,
        answers=MappingProxyType(
            {
                200: Answer(words="The document.", kind=trust_protocol.SignedDocument, headers=("ETag",)),
                304: Answer(words="The school has it: `If-None-Match` names its digest."),
            }
        ),
    ),
    Operation(
        id="put_numbers",
        caller="school",
        method="PUT",
        path=f"{TRUST_PATH}/numbers",
        summary="How the school that sends it is, in numbers. The last ones are kept.",
        right=Right.FOLLOW_TRUST,
        body=trust_protocol.SchoolNumbers,
        answers=answer_ok("They are kept.", protocol.Received),
    ),
)
