"""Watches the records for what the safeguarding lead should look at, and gives it to the agent.

The limits stand in the room's policy, which is looked at again every `LOOK_SECONDS`. Incidents are kept in the
log's database until the agent has taken them; from there central gets them, once each.
"""

import logging
from pathlib import Path

from appliance.errors import HallpassError
from appliance.protocol import Incident
from appliance.room import blocked_tunnels
from appliance.room.agent import rpc
from appliance.room.incidents.rules import IncidentRules
from appliance.room.paths import RoomPaths
from appliance.room.query_log.pseudonyms import Tokens
from appliance.room.room_policy import local_document, strictest_document
from appliance.settings.room import RoomSettings
from dns.errors import DECODING_FAILED
from dns.policy.document import PolicyDocument, json_decoder, parse_toml_document
from dns.policy.tunnel import TunnelDetector, TunnelFinding
from dns.policy.verdict import Step
from dns.querylog.records import QueryRecord, RecordBatch

LOOK_SECONDS = 5.0
_MOST_WAITING = 1000
_RULE = Step.RULE.value

log = logging.getLogger("hallpass.recorder")


class Watch:
    """Follows every record."""

    def __init__(self, settings: RoomSettings, paths: RoomPaths, tokens: Tokens) -> None:
        self._settings = settings
        self._paths = paths
        self._tokens = tokens
        self._rules = IncidentRules()
        self._detector = TunnelDetector()
        self._tunnels = "report"
        self._exempt: tuple[str, ...] = ()
        self.button_pause_minutes = 0
        self._found: list[Incident] = []
        self._looked = -LOOK_SECONDS
        self._state: tuple[int, int] | None = (0, 0)  # no file's: the first look reads

    def seen(self, batch: RecordBatch, now: float) -> None:
        """Take a batch as it came from a worker."""
        self.look(now)
        for record in batch.records:
            if record.verdict == "refused":
                self._found += self._rules.refused(record, self._tokens.token(record.device))
            elif self._tunnels != "off" and _may_be_of_a_tunnel(record):
                finding = self._detector.observe_query(
                    record.device, record.name, record.qtype, record.second, record.count
                )
                if finding is not None:
                    self._found += self._rules.tunnel(finding, self._tokens.token(record.device))
                    self._close(finding, now)
        del self._found[_MOST_WAITING:]

    def look(self, now: float) -> None:
        """Look whether the policy has changed, where it was not looked at just now."""
        if abs(now - self._looked) >= LOOK_SECONDS:
            self._looked = now
            self._follow_policy()

    def take(self) -> list[Incident]:
        """Return what was found since the last time."""
        found, self._found = self._found, []
        return found

    def tell(self, incident: Incident) -> bool:
        """Give an incident to the agent; tell whether it has it. Waits for the agent: not for the event loop."""
        try:
            rpc.ask(self._paths.agent_socket, rpc.Tell(incident))
        except HallpassError:
            return False  # it is away, or there is no central: the incident stays in the log
        return True

    def _close(self, finding: TunnelFinding, now: float) -> None:
        if self._tunnels != "close":
            return
        try:
            blocked_tunnels.close(self._paths.tunnels, finding, now)
        except OSError as problem:
            log.warning("%s could not be closed: %s", finding.parent, problem)

    def _follow_policy(self) -> None:
        path = self._policy_file()
        state = _state(path)
        if state == self._state:
            return
        if state is None and path is not None and self._state not in {None, (0, 0)}:
            log.warning("%s is no longer there: incidents are judged by what it said", path)
            return
        self._state = state
        try:
            document = self._document(path)
        except (OSError, *DECODING_FAILED) as problem:
            log.warning("%s: incidents are judged by the policy before it (%s)", path, problem)
            return
        self.button_pause_minutes = document.button_pause_minutes
        self._rules.limits = document.incidents
        self._rules.locked = frozenset(document.locked_categories)
        if document.tunnels != self._tunnels or document.private_names != self._exempt:
            self._tunnels, self._exempt = document.tunnels, document.private_names
            self._detector = TunnelDetector(exempt=document.private_names)

    def _policy_file(self) -> Path | None:
        if self._settings.central is not None:
            return self._paths.policy
        return self._settings.policy.document if self._settings.policy is not None else None

    def _document(self, path: Path | None) -> PolicyDocument:
        if path is None or not path.exists():
            own = self._settings.policy
            return strictest_document(self._settings) if own is None else local_document(self._settings, own)
        return (json_decoder.decode if path == self._paths.policy else parse_toml_document)(path.read_bytes())


def _may_be_of_a_tunnel(record: QueryRecord) -> bool:
    """Tell whether a question may have carried its name to a server that the school does not know.

    One that failed has, once it was decided: the server needs not answer. Nothing is decided for strangers and
    floods. What a rule of the school allows, the school knows.
    """
    if record.step == _RULE:
        return False
    return record.verdict == "allowed" or (record.verdict == "failed" and record.step != "")


def _state(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found is not None else None
