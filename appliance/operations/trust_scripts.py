"""What a trust's own scripts can ask of it, with a key of limited rights."""

from types import MappingProxyType
from typing import Any

from appliance import trust_script_interface as messages
from appliance.operations.operation import Answer, Operation, answer_made, answer_ok
from appliance.problem_details import ProblemType
from appliance.rights import Right

_NUMBER = MappingProxyType({"number": messages.Number})


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
        path=path,
        summary=summary,
        right=right,
        answers=answers,
        own_problems=problems,
        **more,
    )


TRUST_SCRIPT_OPERATIONS = (
    _of_script(
        "list_trust_schools", "GET /trust/schools", Right.SEE_TRUST,
        "The schools, how it stands with each, and the numbers that it told last.",
        answer_ok("The schools, by name.", list[messages.TrustSchool]),
    ),
    _of_script(
        "list_trust_entries", "GET /trust/entries", Right.SEE_TRUST,
        "What is laid down: in force (`state` left out, or `in-force`), or taken back.",
        answer_ok("The entries, by kind and name.", list[messages.TrustEntry]),
        problems=(ProblemType.BAD_MESSAGE,), query=MappingProxyType({"state": messages.EntriesWanted}),
    ),
    _of_script(
        "add_trust_entry", "POST /trust/entries", Right.LAY_DOWN,
        "Lays something down for all schools or for some; they hear of it within a minute.",
        answer_made("What is in force now.", messages.TrustEntry),
        problems=(ProblemType.NOT_POSSIBLE, ProblemType.NOT_FOUND), body=messages.NewTrustEntry,
    ),
    _of_script(
        "end_trust_entry", "DELETE /trust/entries/{number}", Right.LAY_DOWN, "Takes something back.",
        answer_ok("What was taken back.", messages.TrustEntry), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_NUMBER,
    ),
    _of_script(
        "restore_trust_entry", "POST /trust/entries/{number}/restoration", Right.LAY_DOWN,
        "Puts back in force what was taken back.",
        answer_ok("What is in force again.", messages.TrustEntry), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_NUMBER,
    ),
)  # fmt: skip
