"""What one plain server bears, as far as is known: mixed case, EDNS, large datagrams, UDP at all.

Each starts as believed. What speaks against it is counted in a row, `EVIDENCE_NEEDED` times, and forgotten as soon
as the server shows that it bears it; then the server is asked without it for a while, and tried again.

============  =========================================================  ==========================================
mixed case    answers lose the case of letters, over TCP as well; or an   asked in the asker's letters, compared
("0x20")      error to mixed letters is none to plain ones               regardless of case
EDNS          not understood with it, failed, said to be nothing or     asked without (RFC 6891, section 7)
              not answered, and answered without
datagrams     only TCP brings answers of more than 512 bytes             asked for at most 512 bytes, so that it
                                                                         says which answers need TCP
UDP           only TCP brings answers                                    asked over TCP
============  =========================================================  ==========================================

The settings may fix the first two. Times are those of the event loop's clock (seconds).
"""

import enum
from typing import Final, Literal

Switch = Literal["auto", "on", "off"]

EVIDENCE_NEEDED: Final = 3  # in a row
PLAIN_CASE_SECONDS: Final = 3600.0
NO_EDNS_SECONDS: Final = 900.0
SMALL_DATAGRAM_SECONDS: Final = 900.0
TCP_ONLY_SECONDS: Final = 300.0
SMALL_DATAGRAM_BYTES: Final = 512


class Capability(enum.Enum):
    """What a server may not bear; the value is for how long it is then spared that."""

    MIXED_CASE = PLAIN_CASE_SECONDS
    EDNS = NO_EDNS_SECONDS
    LARGE_DATAGRAMS = SMALL_DATAGRAM_SECONDS + 0.5  # a value of its own: equal ones would be one member
    UDP = TCP_ONLY_SECONDS


class ServerCapabilities:
    """What one server bears."""

    def __init__(self, mixed_case: Switch = "auto", edns: Switch = "auto") -> None:
        self._fixed: dict[Capability, bool] = {}
        for capability, switch in ((Capability.MIXED_CASE, mixed_case), (Capability.EDNS, edns)):
            if switch != "auto":
                self._fixed[capability] = switch == "on"
        self._counts: dict[Capability, int] = {}
        self._spared_until: dict[Capability, float] = {}
        # Answers that say that there is nothing are believed at once where one to mixed letters has been seen.
        self.is_case_proven = self._fixed.get(Capability.MIXED_CASE) is not None
        # Likewise failures, and answers without any record, where one to a question with EDNS has been seen.
        self.is_edns_proven = self._fixed.get(Capability.EDNS) is not None
        # Until then some question must be sent in another way than usual; looked at for every burst of questions.
        self.restricted_until = 0.0 if all(self._fixed.values()) else float("inf")

    @property
    def has_doubts(self) -> bool:
        """Tell whether anything speaks against the server. Looked at for every burst of answers."""
        return bool(self._counts)

    def bears(self, capability: Capability, now: float) -> bool:
        """Tell whether a server is to be asked so."""
        fixed = self._fixed.get(capability)
        if fixed is not None:
            return fixed
        return now >= self._spared_until.get(capability, 0.0)

    def is_open(self, capability: Capability) -> bool:
        """Tell whether the settings leave it to what is seen."""
        return capability not in self._fixed

    def note_evidence_against(self, capability: Capability, now: float) -> None:
        """Count one more thing that speaks against it."""
        if not self.is_open(capability) or not self.bears(capability, now):
            return
        count = self._counts.get(capability, 0) + 1
        if count < EVIDENCE_NEEDED:
            self._counts[capability] = count
            return
        self._counts.pop(capability, None)
        self._spared_until[capability] = now + capability.value
        self.restricted_until = max(self.restricted_until, now + capability.value)
        if capability is Capability.MIXED_CASE:
            self.is_case_proven = False
        elif capability is Capability.EDNS:
            self.is_edns_proven = False

    def note_shown(self, *capabilities: Capability) -> None:
        """Forget what spoke against it: the server has just shown that it bears it."""
        for capability in capabilities:
            self._counts.pop(capability, None)
