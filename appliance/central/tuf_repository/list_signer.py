"""Has the lists signed, from a server that must not import what signs: in a process that ends."""

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from appliance.central.errors import CentralError
from appliance.central.key_file import KeyFile
from appliance.central.tuf_repository.key_store import read_keys
from appliance.central.tuf_repository.signed_state import (
    METADATA_FOLDER,
    SignedState,
    list_conditions,
    read_state,
)
from appliance.operations import METADATA_NAME

FOLDER = "signatures"
_METADATA_NAME = re.compile(METADATA_NAME)
_SECONDS = 300.0  # an index of many megabytes on a slow disk
_CHILD = (sys.executable, "-m", "appliance.central.tuf_repository.process")

log = logging.getLogger("hallpass.central")


class SignatureJob(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is to do."""

    folder: str
    key_file: str
    now: datetime
    index: str = ""  # the folder of an index to sign; "": what is there is renewed
    is_current: bool = False  # only where it is the one that rooms take already


class NotSigned(CentralError):
    """Nothing was signed; the message says why."""


class ListSigner:
    """The signatures of one central's lists."""

    def __init__(self, folder: Path, keys: KeyFile, now: Callable[[], datetime]) -> None:
        """`folder`: where keys and metadata stand."""
        self.folder = folder
        self._keys = keys
        self._now = now

    def sign_index(self, index: Path) -> None:
        """Have rooms take the index in this folder. Raises NotSigned, OSError."""
        if not self._is_signed(index):
            self._run(index)

    def sign_overlay(self, index: Path) -> None:
        """Sign what was added to the folder of an index, where rooms take that one. Raises NotSigned, OSError."""
        state = self.read_state()
        if state is not None and state.index == index.name:
            self._run(index, is_current=True)

    def renew(self) -> None:
        """Sign anew what ends soon. Never raises: what is signed stays."""
        try:
            if self._is_renewal_due():
                self._run()
        except (CentralError, OSError) as problem:
            log.warning("the signatures of the lists cannot be renewed: %s", problem)

    def read_state(self) -> SignedState | None:
        """Return what is signed; None: nothing is."""
        return read_state(self.folder)

    def list_conditions(self) -> list[str]:
        """Return what somebody should look at, in sentences."""
        return list_conditions(self.read_state(), self._now())

    def find_metadata(self, name: str) -> Path | None:
        """Return a file of metadata by the name that rooms know it by, or None."""
        path = self.folder / METADATA_FOLDER / name
        return path if _METADATA_NAME.fullmatch(name) and path.is_file() else None

    def _is_signed(self, index: Path) -> bool:
        state = self.read_state()
        there = (index.name, tuple(sorted(path.name for path in index.glob("*.hpx"))))
        return state is not None and (state.index, state.files) == there and not self._is_renewal_due()

    def _is_renewal_due(self) -> bool:
        state, keys = self.read_state(), read_keys(self.folder)
        if state is None or keys is None:
            return keys is not None
        return state.root_version != keys.root_version or bool(state.list_due(self._now()))

    def _run(self, index: Path | None = None, *, is_current: bool = False) -> None:
        job = SignatureJob(
            folder=str(self.folder.absolute()), key_file=str(self._keys.path.absolute()), now=self._now(),
            index=str(index.absolute()) if index else "", is_current=is_current,
        )  # fmt: skip
        try:
            done = subprocess.run(
                _CHILD, input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise NotSigned(f"the lists could not be signed within {_SECONDS:.0f} seconds") from None
        if done.returncode:
            words = done.stdout.decode(errors="replace").strip() or f"its process ended with {done.returncode}"
            raise NotSigned(f"the lists cannot be signed: {words}")
