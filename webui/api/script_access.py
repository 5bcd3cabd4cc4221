"""Lets a school's own scripts in, by their keys: which one calls, what it may do, and how often.

A key comes in `Authorization` and nowhere else: a browser's cookies open nothing here, so that no page can have a
browser act for somebody.
"""

from flask import Response, g, request
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from appliance.central import script_keys
from appliance.central.script_keys import ScriptCaller
from appliance.operations import BASE_PATH, SCRIPTS_PATH
from appliance.problem_details import ProblemType
from appliance.running_time_counts import RunningTimeCounts
from webui.api import views
from webui.api.responses import problem_response
from webui.shared.access import requested_right

MINUTE = 60
_UNKNOWN_ADDRESS = "api.unknown"
_UNKNOWN = "this key does not work: it is unknown, has ended, was taken back, or its maker may do nothing any more"

_calls = FixedWindowRateLimiter(RunningTimeCounts())  # of this process: each of central's has its own


def is_for_scripts(path: str) -> bool:
    """Tell whether an address is one of those for scripts."""
    return path.startswith(f"{BASE_PATH}{SCRIPTS_PATH}/") or path == f"{BASE_PATH}{SCRIPTS_PATH}"


def authenticate_script(token: str) -> Response | None:
    """Note which script calls, or return why it may not."""
    central = views.central()
    now = central.now()
    with central.store.read_session() as session:
        caller = script_keys.find_caller(session, now, token) if token else None
    if caller is None:
        response = problem_response(ProblemType.UNKNOWN_TOKEN, _UNKNOWN)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    per_minute = central.settings.central.script_calls_per_minute
    if not _calls.hit(RateLimitItemPerMinute(per_minute), str(central.settings.central.data), str(caller.key_id)):
        words = f"a script calls at most {per_minute} times a minute"
        return problem_response(ProblemType.TOO_MANY_CALLS, words, retry_seconds=MINUTE)
    right = requested_right()
    if request.endpoint != _UNKNOWN_ADDRESS and right not in caller.rights:
        return problem_response(ProblemType.NOT_ALLOWED, "this key does not allow that")
    if script_keys.is_use_news(caller, now):
        with central.store.write_session(affects_rooms=False) as session:
            script_keys.note_used(session, now, caller.key_id)
    g.script = caller
    return None


def script() -> ScriptCaller:
    """Return the script that calls."""
    caller: ScriptCaller = g.script
    return caller
