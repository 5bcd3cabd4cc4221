"""What scripts ask about rooms, requests, openings, rules, reports and sites."""

from appliance.operations.scripts.table import CSV, OVER, of_script, with_preview
from appliance.problem_details import ProblemType
from appliance.protocol import SiteName
from appliance.rights import Right
from appliance.script_interface import decisions
from appliance.script_interface.values import RowId, ScriptChange

_REQUEST = {"request_id": decisions.REQUEST_ID}
_REPORT = {"report_id": decisions.REPORT_ID}
_OPENING = {"opening_id": RowId}
_ROOM = {"room_id": RowId}
_CHANGED = ("By what it is undone.", ScriptChange)

_ROOMS = (
    of_script(
        "list_school_rooms", "GET /rooms", Right.SEE_ROOMS, "The rooms, and how they are.",
        ("The rooms, by name.", list[decisions.ScriptRoom]),
    ),
    of_script(
        "rename_school_room", "PUT /rooms/{room_id}/name", Right.ENROL_ROOMS, "Gives a room another name.", OVER,
        parameters=_ROOM, body=decisions.RoomRename,
    ),
    of_script(
        "change_school_room", "POST /rooms/{room_id}/{step}", Right.ENROL_ROOMS,
        "Ends a room (`retire`) or its card (`revoke`), puts a retired one back, or decides which of two cards is "
        "the right one. Enrolling one gives a secret out: that has a page and a command.",
        OVER, parameters=_ROOM | {"step": decisions.RoomStep},
    ),
)  # fmt: skip
_REQUESTS = (
    of_script(
        "list_school_requests", "GET /requests", Right.DECIDE_REQUESTS,
        "Teachers' requests: those that wait (`state` left out, or `waiting`), or those decided last.",
        ("The requests, at most 500.", list[decisions.ScriptRequest]),
        query={"state": decisions.RequestsWanted},
    ),
    of_script(
        "approve_school_request", "POST /requests/{request_id}/approval", Right.DECIDE_REQUESTS,
        "Opens what a request asks for. The maker of the key may not have asked for it.",
        ("What is open now.", decisions.ScriptOpening), parameters=_REQUEST, body=decisions.Approval,
    ),
    of_script(
        "deny_school_request", "POST /requests/{request_id}/denial", Right.DECIDE_REQUESTS,
        "Leaves closed what a request asks for, with words for the teacher.",
        ("The request.", decisions.ScriptRequest), parameters=_REQUEST, body=decisions.Denial,
    ),
    of_script(
        "pass_school_request_on", "POST /requests/{request_id}/colleague", Right.DECIDE_REQUESTS,
        "Asks a colleague to decide a request.", ("The request.", decisions.ScriptRequest),
        parameters=_REQUEST, body=decisions.PassedRequest,
    ),
    of_script(
        "reopen_school_request", "POST /requests/{request_id}/reopening", Right.DECIDE_REQUESTS,
        "Has a request wait again that was denied, or that nobody decided in time.",
        ("The request.", decisions.ScriptRequest), parameters=_REQUEST,
    ),
    of_script(
        "open_school_request_for_good", "POST /requests/{request_id}/rule", Right.EDIT_RULES,
        "Opens for good, in every room, what a request asks for. The maker of the key may not have asked for it.",
        ("The request.", decisions.ScriptRequest), parameters=_REQUEST, body=decisions.Denial,
    ),
    of_script(
        "undo_school_request_rule", "DELETE /requests/{request_id}/rule", Right.EDIT_RULES,
        "Takes the rules away that were made of a request.", ("The request.", decisions.ScriptRequest),
        parameters=_REQUEST,
    ),
    of_script(
        "set_school_request_wait", "PUT /requests/wait", Right.DELEGATE, "Says how long requests wait.", OVER,
        body=decisions.RequestWait,
    ),
)  # fmt: skip
_OPENINGS = (
    of_script(
        "list_school_openings", "GET /openings", Right.DECIDE_REQUESTS, "What is open, or will be.",
        ("The openings, the first to end first; at most 500.", list[decisions.ScriptOpening]),
    ),
    *with_preview(
        ("The site now, and then.", decisions.ScriptSitePreview),
        "open_school_site", "POST /openings", Right.DECIDE_REQUESTS,
        "Opens a site for a room, a device or the school, for some minutes. Sent twice, it is open twice.",
        ("What is open now.", decisions.ScriptOpening), is_made=True,
        body=decisions.NewOpening,
    ),
    of_script(
        "change_school_opening", "PUT /openings/{opening_id}/time", Right.DECIDE_REQUESTS,
        "Gives an opening another time. The maker of the key may not have asked for it.",
        ("The opening.", decisions.ScriptOpening), parameters=_OPENING, body=decisions.OpeningTimeChange,
    ),
    of_script(
        "end_school_opening", "DELETE /openings/{opening_id}", Right.DECIDE_REQUESTS,
        "Closes early what was opened. One that is over stays so.", _CHANGED, parameters=_OPENING,
    ),
    of_script(
        "explain_school_site", "GET /sites", Right.DECIDE_REQUESTS,
        "Why a site is closed or open now, for each group, as `hallpass check` has it.",
        ("What is known of it.", decisions.SiteExplained), query={"site": SiteName},
        problems=(ProblemType.NOT_POSSIBLE,),
    ),
)  # fmt: skip
_RULES = (
    of_script(
        "list_school_rules", "GET /rules", Right.EDIT_RULES, "The school's own rules.",
        ("The rules, by name.", list[decisions.ScriptRule]),
    ),
    *with_preview(
        ("What would be decided in another way.", decisions.RulePreview),
        "add_school_rule", "POST /rules", Right.EDIT_RULES, "Adds a rule for a name and its subdomains.",
        ("The rule.", decisions.ScriptRule), is_made=True, body=decisions.NewRule,
    ),
    of_script(
        "remove_school_rule", "DELETE /rules/{rule_id}", Right.EDIT_RULES, "Takes a rule away.", _CHANGED,
        parameters={"rule_id": RowId},
    ),
)  # fmt: skip
_REPORTS = (
    of_script(
        "get_school_report", "GET /reports/{kind}", Right.READ_REPORTS,
        "A report of the usual time, without names and without any number under five.",
        ("The report.", decisions.Report), parameters={"kind": decisions.ReportWanted},
    ),
    of_script(
        "list_school_months", "GET /months", Right.READ_REPORTS,
        "The last twelve months in numbers, without any under five.",
        ("The months, the oldest first.", list[decisions.MonthOfReports]),
    ),
    of_script(
        "list_site_reports", "GET /site-reports", Right.HANDLE_REPORTS,
        "The sites that teachers want closed, and what became of it.",
        ("The reports, the newest first; at most 500.", list[decisions.ScriptSiteReport]),
    ),
    of_script(
        "export_site_reports", "GET /site-reports/export", Right.HANDLE_REPORTS,
        "The same as a table for the provider or an authority: it names no person, room or device.", CSV,
    ),
    of_script(
        "write_site_report", "GET /site-reports/{report_id}/text", Right.HANDLE_REPORTS,
        "What to send to the provider or an authority: it names no person, room or device.",
        ("The text.", decisions.SiteReportText), parameters=_REPORT,
    ),
    of_script(
        "pass_site_report_on", "POST /site-reports/{report_id}/recipient", Right.HANDLE_REPORTS,
        "Notes to whom a report was passed on.", OVER, parameters=_REPORT, body=decisions.PassedReport,
    ),
    of_script(
        "answer_site_report", "POST /site-reports/{report_id}/answer", Right.HANDLE_REPORTS,
        "Keeps what the provider or authority answered.", OVER, parameters=_REPORT, body=decisions.OutsideAnswer,
    ),
    of_script(
        "resolve_site_report", "POST /site-reports/{report_id}/resolution", Right.HANDLE_REPORTS,
        "Puts a report away, and where that is wanted closes its site.", OVER, parameters=_REPORT,
        body=decisions.ResolvedReport,
    ),
    of_script(
        "reopen_site_report", "DELETE /site-reports/{report_id}/resolution", Right.HANDLE_REPORTS,
        "Takes back that a report was put away, and the rule that was made of it.", OVER, parameters=_REPORT,
    ),
)  # fmt: skip

DECISIONS = (*_ROOMS, *_REQUESTS, *_OPENINGS, *_RULES, *_REPORTS)
