"""Makes the metadata of The Update Framework: which index rooms may take, signed by four roles.

Pure but for its folder: the clock is passed in. One process at a time works in the folder (`one_at_a_time`);
readers see whole files. Versions of online roles are seconds of the clock (or one more than the last): after a
restore from a backup they are higher than what rooms have seen, and no room takes an honest central for a replay.

Importing this brings python-tuf; servers leave it to a process that ends (`list_signer`).
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from appliance.central.errors import CentralError, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.tuf_repository.key_store import ONLINE_ROLES, StoredKeys, read_keys, write_keys
from appliance.central.tuf_repository.signed_state import (
    LIVES,
    METADATA_FOLDER,
    SignedState,
    read_state,
    write_state,
)
from appliance.files import one_at_a_time, read_regular_file, remove_whatever, write_file_atomically
from blocklists.container import DELTA_PREFIX

KEPT_VERSIONS = 5  # of snapshot and targets: a room may be reading
SPEC_VERSION = "1.0.31"

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)
_KINDS: Mapping[str, type[Any]] = {"targets": Targets, "snapshot": Snapshot, "timestamp": Timestamp}


class TufRepository:
    """The signed lists of one central."""

    def __init__(self, folder: Path, keys: KeyFile, now: datetime) -> None:
        self._folder = folder
        self._metadata = folder / METADATA_FOLDER
        self._key_file = keys
        self._now = now

    def sign_index(self, index: Path, *, is_current: bool = False) -> None:
        """Have rooms take the index in this folder, which has its hash as its name, and no other.

        Overlays in the folder lead to it. `is_current`: only where it is the one that rooms take already.
        Raises CentralError, OSError.
        """
        with self._work() as keys:
            state = read_state(self._folder)
            if not is_current or (state is not None and state.index == index.name):
                self._sign_all(keys, _read_targets(index), index.name)

    def renew(self) -> None:
        """Sign anew what is there. Raises CentralError, OSError."""
        with self._work() as keys:
            state = read_state(self._folder)
            signed = {role: self._read_role(role, kind) for role, kind in _KINDS.items()}
            if state is None or None in signed.values() or state.root_version != keys.root_version:
                self._sign_all(keys, *self._read_signed())
                return
            due = state.list_due(self._now)
            if due - {"timestamp"}:
                self._sign_all(keys, *self._read_signed())
            elif due:
                self._write_timestamp(keys, signed["timestamp"].snapshot_meta)
                self._note_state(state)

    def rotate_online_keys(self, root: CryptoSigner) -> None:
        """Let other keys sign from now on, and the root hold for five more years. Raises NotPossible, OSError."""
        with self._work() as keys:
            self._replace_root(keys, root, root, keys.root_key)

    def rotate_root_key(self, root: CryptoSigner) -> None:
        """Let another root key, and others below it, sign from now on; the new one is to be stored then.

        Raises NotPossible, OSError.
        """
        with self._work() as keys:
            new = CryptoSigner.generate_ed25519()
            self._replace_root(keys, root, new, self._seal("root", new))

    def unseal_root(self) -> CryptoSigner:
        """Return the root key while it stands on this machine. Raises NotPossible, CentralError."""
        with self._work() as keys:
            if keys.is_root_stored:
                raise NotPossible("the root key is on its USB stick alone, and was confirmed as stored there")
            return self._unseal("root", keys.root_key)

    def confirm_root(self, shown: CryptoSigner) -> None:
        """Forget the root key here: `shown` was read from where it is stored. Raises NotPossible, OSError."""
        with self._work() as keys:
            self._require_root(keys, shown)
            if not keys.is_root_stored:
                write_keys(self._folder, msgspec.structs.replace(keys, root_key=""))
            self._note_state(read_state(self._folder))

    def begin_anew(self) -> None:
        """Forget every key and signature, and make others: rooms believe none of them until told to.

        Raises CentralError, OSError.
        """
        with one_at_a_time(self._prepared_folder()):
            keys = self._make_keys()  # first: where it cannot be done, nothing is lost
            signed = self._read_signed()
            for path in self._metadata.iterdir():
                remove_whatever(path)
            write_keys(self._folder, keys)
            self._publish_root(keys)
            self._sign_all(keys, *signed)

    def _prepared_folder(self) -> Path:
        self._metadata.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    @contextlib.contextmanager
    def _work(self) -> Iterator[StoredKeys]:
        """Give the keys, made where there are none, while nobody else works here."""
        with one_at_a_time(self._prepared_folder()):
            keys = read_keys(self._folder)
            if keys is None:
                keys = self._make_keys()
                write_keys(self._folder, keys)
            self._publish_root(keys)
            yield keys

    def _make_keys(self) -> StoredKeys:
        root = CryptoSigner.generate_ed25519()
        return self._make_keys_below(1, (root,), root, self._seal("root", root))

    def _make_keys_below(
        self, version: int, signed_by: tuple[CryptoSigner, ...], root: CryptoSigner, sealed: str
    ) -> StoredKeys:
        """Return new keys of the online roles, below a root key that is stored as `sealed`."""
        signers = {role: CryptoSigner.generate_ed25519() for role in ONLINE_ROLES}
        ends = self._end_of("root")
        made = Root(version=version, spec_version=SPEC_VERSION, expires=ends, consistent_snapshot=True)
        made.add_key(root.public_key, "root")
        for role, signer in signers.items():
            made.add_key(signer.public_key, role)
        return StoredKeys(
            root_version=version,
            root_metadata=_sign(made, *signed_by).decode(),
            root_key=sealed,
            online_keys={role: self._seal(role, one) for role, one in signers.items()},
        )

    def _replace_root(self, keys: StoredKeys, old: CryptoSigner, new: CryptoSigner, sealed: str) -> None:
        self._require_root(keys, old)
        signed_by = (old,) if new is old else (old, new)  # rooms come from the one, and end at the other
        replaced = self._make_keys_below(keys.root_version + 1, signed_by, new, sealed)
        write_keys(self._folder, replaced)  # from here on it is so; what is missing is made by the next signing
        self._publish_root(replaced)
        self._sign_all(replaced, *self._read_signed())

    def _read_signed(self) -> tuple[dict[str, TargetFile], str]:
        """Return the files that are signed now, and the index that they are of."""
        signed, state = self._read_role("targets", Targets), read_state(self._folder)
        return dict(signed.targets) if signed else {}, state.index if state else ""

    def _require_root(self, keys: StoredKeys, root: CryptoSigner) -> None:
        if root.public_key.keyid not in _read_root(keys).roles["root"].keyids:
            raise NotPossible("this is not the root key of this central's signed lists, but another one")

    def _publish_root(self, keys: StoredKeys) -> None:
        """Put the root metadata where rooms get it: each version stays, rooms follow one after the other."""
        content = keys.root_metadata.encode()
        for name in (f"{keys.root_version}.root.json", "root.json"):
            path = self._metadata / name
            if not _holds(path, content):
                write_file_atomically(path, content)

    def _sign_all(self, keys: StoredKeys, targets: dict[str, TargetFile], index: str) -> None:
        """Write targets, then what names them: a room sees the one or the other, and each of them whole."""
        made = self._begin("targets", Targets, targets=targets)
        content = self._write_role(keys, "targets", made)
        meta = {"targets.json": MetaFile(made.version, len(content), _hashes(content))}
        snapshot = self._begin("snapshot", Snapshot, meta=meta)
        content = self._write_role(keys, "snapshot", snapshot)
        self._write_timestamp(keys, MetaFile(snapshot.version, len(content), _hashes(content)))
        self._prune()
        files = tuple(sorted(name.partition("/")[2] for name in targets))
        self._note_state(None, index=index, files=files)

    def _write_timestamp(self, keys: StoredKeys, snapshot_meta: MetaFile) -> None:
        made = self._begin("timestamp", Timestamp, snapshot_meta=snapshot_meta)
        content = _sign(made, self._unseal("timestamp", keys.online_keys["timestamp"]))
        write_file_atomically(self._metadata / "timestamp.json", content)

    def _write_role(self, keys: StoredKeys, role: str, made: T) -> bytes:
        content = _sign(made, self._unseal(role, keys.online_keys[role]))
        write_file_atomically(self._metadata / f"{made.version}.{role}.json", content)
        return content

    def _begin(self, role: str, kind: type[Any], **fields: Any) -> Any:
        before = self._read_role(role, kind)
        version = max(int(self._now.timestamp()), before.version + 1 if before else 1)
        return kind(version=version, spec_version=SPEC_VERSION, expires=self._end_of(role), **fields)

    def _end_of(self, role: str) -> datetime:
        return self._now.replace(microsecond=0) + LIVES[role]

    def _read_role(self, role: str, kind: type[Any]) -> Any:
        """Return a role's newest metadata; None: there is none that can be read."""
        names = [(self._metadata / "timestamp.json")] if role == "timestamp" else self._list_versions(role)
        for path in names:
            with contextlib.suppress(DeserializationError, OSError):
                signed = Metadata.from_bytes(read_regular_file(path)).signed
                if isinstance(signed, kind):
                    return signed
        return None

    def _list_versions(self, role: str) -> list[Path]:
        """Return the files of a role, the newest first."""
        found = [path for path in self._metadata.glob(f"*.{role}.json") if path.name.split(".")[0].isdecimal()]
        return sorted(found, key=lambda path: int(path.name.split(".")[0]), reverse=True)

    def _prune(self) -> None:
        for role in ("snapshot", "targets"):
            for path in self._list_versions(role)[KEPT_VERSIONS:]:
                path.unlink(missing_ok=True)

    def _note_state(self, before: SignedState | None, *, index: str = "", files: tuple[str, ...] = ()) -> None:
        """Say what is signed now; `before`: the index is as it was."""
        keys = read_keys(self._folder)
        signed = {role: self._read_role(role, kind) for role, kind in _KINDS.items()}
        if keys is None or None in signed.values():
            return  # nothing is signed yet
        root = _read_root(keys)
        write_state(self._folder, SignedState(
            root_version=keys.root_version,
            root_key_id=root.roles["root"].keyids[0],
            is_root_stored=keys.is_root_stored,
            expires={"root": root.expires, **{role: one.expires for role, one in signed.items()}},
            index=before.index if before else index,
            files=before.files if before else files,
        ))  # fmt: skip

    def _seal(self, role: str, signer: CryptoSigner) -> str:
        return self._key_file.seal(_purpose(role), signer.private_bytes.decode("ascii"))

    def _unseal(self, role: str, sealed: str) -> CryptoSigner:
        return to_signer(self._key_file.unseal(_purpose(role), sealed).encode("ascii"))


def to_signer(content: bytes, passphrase: bytes | None = None) -> CryptoSigner:
    """Return what signs with a key (PKCS#8, PEM). Raises CentralError: it is none, or the passphrase is wrong."""
    try:
        return CryptoSigner(load_pem_private_key(content, passphrase))
    except (ValueError, TypeError):
        raise CentralError("this is no key, or the passphrase is another one") from None


def _read_root(keys: StoredKeys) -> Root:
    try:
        signed = Metadata.from_bytes(keys.root_metadata.encode()).signed
    except DeserializationError:
        signed = None
    if not isinstance(signed, Root):
        raise CentralError("the root metadata of the signed lists is damaged: put it back from a backup")
    return signed


def _read_targets(index: Path) -> dict[str, TargetFile]:
    """Return the files of an index as they are signed. Raises OSError."""
    found = {}
    for path in sorted(index.glob("*.hpx")):
        target = TargetFile.from_file(f"{index.name}/{path.name}", str(path), ["sha256"])
        base = path.stem.removeprefix(DELTA_PREFIX) if path.stem.startswith(DELTA_PREFIX) else ""
        target.unrecognized_fields["custom"] = {"version": index.name, "base": base}
        found[target.path] = target
    return found


def _hashes(content: bytes) -> dict[str, str]:
    return MetaFile.from_data(1, content, ["sha256"]).hashes or {}


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read_regular_file(path) == content
    except OSError:
        return False


def _sign(made: T, *signers: CryptoSigner) -> bytes:
    metadata = Metadata(made)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(JSONSerializer(compact=True))


def _purpose(role: str) -> str:
    return f"signed lists {role}"
