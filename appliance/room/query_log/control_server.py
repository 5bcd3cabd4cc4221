"""Answers what other processes ask of the recorder (`control`): of its log, its lamp, and what it has in mind."""

import asyncio
from collections.abc import Callable

from appliance.ipc_server import serve_lines
from appliance.room.incidents.monitor import IncidentMonitor
from appliance.room.incidents.pupil_reports import ReportOutcome
from appliance.room.lamp.controller import LampController
from appliance.room.query_log import control
from appliance.room.query_log.service import QueryLogService
from dns.errors import DECODING_FAILED


class ControlServer:
    """The recorder's side of its control socket."""

    def __init__(
        self,
        service: QueryLogService,
        lamp: LampController,
        monitor: IncidentMonitor,
        *,
        now: Callable[[], float],
    ) -> None:
        self._service = service
        self._lamp = lamp
        self._monitor = monitor
        self._now = now

    async def serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions on one connection."""
        await serve_lines(reader, writer, self._handle_request)

    async def _handle_request(self, line: bytes) -> control.ControlResponse:
        try:
            request = control.request_decoder.decode(line)
        except DECODING_FAILED as problem:
            return control.ControlResponse(error=f"not a question: {problem}")
        if isinstance(request, control.AcknowledgeRequest):
            self._lamp.acknowledge_condition()
            return control.ControlResponse()
        if isinstance(request, control.PupilReportRequest):
            return control.ControlResponse(outcome=await self._take_pupil_report(request))
        if isinstance(request, control.RefusalRequest):
            return self._find_refusal(request)
        if isinstance(request, control.NamesRequest):
            return control.ControlResponse(names=self._find_names(request))
        return await self._service.handle_log_request(request)

    def _find_refusal(self, request: control.RefusalRequest) -> control.ControlResponse:
        now = self._now()
        return control.ControlResponse(
            refusal=self._monitor.find_refusal(request.addresses, request.name, now) if request.name else None,
            devices=self._monitor.list_refused_devices(request.addresses),
            recent=self._monitor.list_recent_categories(request.addresses, now),
        )

    def _find_names(self, request: control.NamesRequest) -> dict[str, str]:
        self._monitor.poll_policy(self._now())
        return self._monitor.device_names.find_names(request.tokens)

    async def _take_pupil_report(self, request: control.PupilReportRequest) -> ReportOutcome:
        if self._service.problem or self._service.is_stalled:
            return "unavailable"  # a child is not thanked for what a power cut would lose
        outcome = self._monitor.take_pupil_report(request.addresses, request.name, self._now())
        if outcome == "told" and not await self._service.keep_incidents(self._monitor):
            return "unavailable"
        return outcome
