"""What a school's own scripts can ask of central, with a key of limited rights."""

from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from appliance import protocol, script_interface
from appliance.operations.operation import SCRIPTS_PATH, Answer, Operation, answer_made, answer_ok
from appliance.problem_details import ProblemType
from appliance.rights import Right

_REQUEST = MappingProxyType({"request_id": Annotated[protocol.Id, msgspec.Meta(description="The request's id.")]})
_OVER = MappingProxyType({204: Answer(words="It is over.")})


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


SCRIPTS_OPERATIONS = (
    _of_script(
        "list_school_rooms", "GET /rooms", Right.SEE_ROOMS, "The rooms, and how they are.",
        answer_ok("The rooms, by name.", list[script_interface.ScriptRoom]),
    ),
    _of_script(
        "list_school_requests", "GET /requests", Right.DECIDE_REQUESTS,
        "Teachers' requests: those that wait (`state` left out, or `waiting`), or those decided last.",
        answer_ok("The requests, at most 500.", list[script_interface.ScriptRequest]),
        problems=(ProblemType.BAD_MESSAGE,),
        query=MappingProxyType({"state": script_interface.RequestsWanted}),
    ),
    _of_script(
        "approve_school_request", "POST /requests/{request_id}/approval", Right.DECIDE_REQUESTS,
        "Opens what a request asks for. The maker of the key may not have asked for it.",
        answer_ok("What is open now.", script_interface.ScriptOpening), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_REQUEST, body=script_interface.Approval,
    ),
    _of_script(
        "deny_school_request", "POST /requests/{request_id}/denial", Right.DECIDE_REQUESTS,
        "Leaves closed what a request asks for, with words for the teacher.",
        answer_ok("The request.", script_interface.ScriptRequest), problems=(ProblemType.NOT_POSSIBLE,),
        parameters=_REQUEST, body=script_interface.Denial,
    ),
    _of_script(
        "list_school_openings", "GET /openings", Right.DECIDE_REQUESTS, "What is open, or will be.",
        answer_ok("The openings, the first to end first; at most 500.", list[script_interface.ScriptOpening]),
    ),
    _of_script(
        "open_school_site", "POST /openings", Right.DECIDE_REQUESTS,
        "Opens a site for a room or for the school, for some minutes. Sent twice, it is open twice.",
        answer_made("What is open now.", script_interface.ScriptOpening),
        problems=(ProblemType.NOT_POSSIBLE, ProblemType.NOT_FOUND), body=script_interface.NewOpening,
    ),
    _of_script(
        "end_school_opening", "DELETE /openings/{opening_id}", Right.DECIDE_REQUESTS,
        "Closes early what was opened. One that is over stays so.", _OVER,
        parameters=MappingProxyType({"opening_id": script_interface.RowId}),
    ),
    _of_script(
        "list_school_rules", "GET /rules", Right.EDIT_RULES, "The school's own rules.",
        answer_ok("The rules, by name.", list[script_interface.ScriptRule]),
    ),
    _of_script(
        "add_school_rule", "POST /rules", Right.EDIT_RULES, "Adds a rule for a name and its subdomains.",
        answer_made("The rule.", script_interface.ScriptRule), problems=(ProblemType.NOT_POSSIBLE,),
        body=script_interface.NewRule,
    ),
    _of_script(
        "remove_school_rule", "DELETE /rules/{rule_id}", Right.EDIT_RULES, "Takes a rule away.", _OVER,
        parameters=MappingProxyType({"rule_id": script_interface.RowId}),
    ),
    _of_script(
        "get_school_report", "GET /reports/{kind}", Right.READ_REPORTS,
        "A report of the usual time, without names and without any number under five.",
        answer_ok("The report.", script_interface.Report),
        parameters=MappingProxyType({"kind": script_interface.ReportWanted}),
    ),
)  # fmt: skip
