"""Watches the records for what the safeguarding lead should look at, and gives it to the agent.

The limits stand in the room's policy, which is looked at again every `POLICY_POLL_SECONDS`. Incidents are kept
in the log's database until the agent has taken them; from there central gets them, once each.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.protocol import Incident
from appliance.room import blocked_tunnels
from appliance.room.agent import rpc
from appliance.room.incidents.pupil_reports import ClosedCategory, PupilReports, ReportOutcome, SeenRefusal
from appliance.room.incidents.rules import IncidentRules
from appliance.room.paths import RoomPaths
from appliance.room.query_log.device_names import DeviceNames
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.room_policy import local_document, strictest_document
from appliance.settings.room import RoomSettings
from dns.errors import DECODING_FAILED
from dns.policy.document import PolicyDocument, json_decoder, parse_toml_document
from dns.policy.steps import STEPS
from dns.policy.tunnel import TunnelDetector
from dns.policy.tunnel_values import TunnelFinding
from dns.querylog.records import QueryRecord, RecordBatch

POLICY_POLL_SECONDS = 5.0
_MAX_PENDING = 1000

log = logging.getLogger("hallpass.recorder")


class IncidentMonitor:
    """Follows every record."""

    def __init__(self, settings: RoomSettings, paths: RoomPaths, pseudonyms: Pseudonyms) -> None:
        self._settings = settings
        self._paths = paths
        self._pseudonyms = pseudonyms
        self._rules = IncidentRules()
        self.device_names = DeviceNames(pseudonyms)
        self._pupil_reports = PupilReports()
        self._detector = TunnelDetector()
        self._tunnel_mode = "report"
        self._exempt: tuple[str, ...] = ()
        self.button_pause_minutes = 0
        self._incidents: list[Incident] = []
        self._polled_at = -POLICY_POLL_SECONDS
        self._policy_state: tuple[int, int] | None = (0, 0)  # no file's: the first look reads

    def observe_batch(self, batch: RecordBatch, now: float) -> None:
        """Take a batch as it came from a worker."""
        self.poll_policy(now)
        for record in batch.records:
            if record.verdict == "refused":
                self._pupil_reports.observe_blocked(record)
                self._incidents += self._rules.observe_blocked(
                    record, self._pseudonyms.pseudonym_of(record.device)
                )
            elif self._tunnel_mode != "off" and _may_carry_data(record):
                finding = self._detector.observe_query(
                    record.device, record.name, record.qtype, record.second, record.count
                )
                if finding is not None:
                    self._incidents += self._rules.observe_tunnel(
                        finding, self._pseudonyms.pseudonym_of(record.device), record.group
                    )
                    self._block_tunnel(finding, now)
        del self._incidents[_MAX_PENDING:]

    def poll_policy(self, now: float) -> None:
        """Look whether the policy has changed, where it was not looked at just now."""
        if abs(now - self._polled_at) >= POLICY_POLL_SECONDS:
            self._polled_at = now
            self._reload_policy()

    def take_incidents(self) -> list[Incident]:
        """Return what was found since the last time."""
        found, self._incidents = self._incidents, []
        return found

    def put_back_incidents(self, incidents: Iterable[Incident]) -> None:
        """Take back what could not be kept elsewhere."""
        self._incidents[:0] = incidents

    def take_pupil_report(self, addresses: Iterable[str], name: str, now: float) -> ReportOutcome:
        """Take what a pupil told about a name that was closed; say what becomes of it."""
        outcome, incident = self._pupil_reports.take_report(addresses, name, now, self._pseudonyms.pseudonym_of)
        if incident is not None:
            self._incidents.append(incident)
        return outcome

    def find_refusal(self, addresses: Iterable[str], name: str, now: float) -> SeenRefusal | None:
        """Return what this room saw of a name that was refused to a device lately."""
        return self._pupil_reports.find_refusal(addresses, name, now, self._pseudonyms.pseudonym_of)

    def list_refused_devices(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return the tokens of those of a device's addresses to which something was refused lately."""
        seen = (one for one in addresses if self._pupil_reports.has_seen(one))
        return tuple(self._pseudonyms.pseudonym_of(one) for one in seen)

    def list_recent_categories(self, addresses: Iterable[str], now: float) -> tuple[ClosedCategory, ...]:
        """Return why something was closed to a device in the last minutes."""
        return self._pupil_reports.list_recent_categories(addresses, now)

    def send_incident(self, incident: Incident) -> bool:
        """Give an incident to the agent; tell whether it has it. Waits for the agent: not for the event loop."""
        try:
            rpc.send_rpc_request(self._paths.agent_socket, rpc.IncidentRequest(incident))
        except HallpassError:
            return False  # it is away, or there is no central: the incident stays in the log
        return True

    def _block_tunnel(self, finding: TunnelFinding, now: float) -> None:
        if self._tunnel_mode != "close":
            return
        for parent in finding.parents:
            if not blocked_tunnels.may_be_closed(parent):
                log.warning("%s looks like a tunnel, and is left open: many sites or schools need it", parent)
        try:
            blocked_tunnels.block_tunnel(self._paths.blocked_tunnels, finding, now)
        except OSError as problem:
            log.warning("%s could not be closed: %s", finding.parent, problem)

    def _reload_policy(self) -> None:
        path = self._policy_file()
        state = _policy_file_state(path)
        if state == self._policy_state:
            return
        if state is None and path is not None and self._policy_state not in {None, (0, 0)}:
            log.warning("%s is no longer there: incidents are judged by what it said", path)
            return
        self._policy_state = state
        try:
            document = self._load_document(path)
        except (OSError, *DECODING_FAILED) as problem:
            log.warning("%s: incidents are judged by the policy before it (%s)", path, problem)
            return
        self.button_pause_minutes = document.button_pause_minutes
        self.device_names.set_devices(document.devices)
        self._rules.thresholds = document.incidents
        self._rules.counts_refusals = self._settings.central is None or state is not None
        self._rules.locked_categories = frozenset(document.locked_categories)
        if document.tunnels != self._tunnel_mode or document.private_names != self._exempt:
            self._tunnel_mode, self._exempt = document.tunnels, document.private_names
            self._detector = TunnelDetector(exempt=document.private_names)

    def _policy_file(self) -> Path | None:
        if self._settings.central is not None:
            return self._paths.policy
        return self._settings.policy.document if self._settings.policy is not None else None

    def _load_document(self, path: Path | None) -> PolicyDocument:
        if path is None or not path.exists():
            own = self._settings.policy
            return strictest_document(self._settings) if own is None else local_document(self._settings, own)
        return (json_decoder.decode if path == self._paths.policy else parse_toml_document)(
            read_regular_file(path)
        )


def _may_carry_data(record: QueryRecord) -> bool:
    """Tell whether a question may have carried its name to a server that the school does not know.

    One that failed has, once it was decided: the server needs not answer. Nothing is decided for strangers and
    floods. What a rule of the school allows, the school knows.
    """
    if record.step in STEPS.tunnel_exempt_values:
        return False
    return record.verdict == "allowed" or (record.verdict == "failed" and record.step != "")


def _policy_file_state(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found is not None else None
