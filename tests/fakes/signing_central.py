"""Signed lists as central makes them, in a folder, and somebody in between who may answer otherwise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.central.key_file import KeyFile
from appliance.central.tuf_repository.repository import TufRepository
from appliance.central.tuf_repository.signed_state import METADATA_FOLDER
from blocklists.container import INDEX_NAME

BEGAN = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)


class SigningCentral:
    """Central's signatures. What is asked for is answered from `answers` where it stands there."""

    def __init__(self, folder: Path, key_file: KeyFile | None = None) -> None:
        self.folder = folder / "signatures"
        self.key_file = key_file or KeyFile(folder / "wrapping.key")
        self.indexes = folder / "indexes"
        self.now = BEGAN
        self.answers: dict[str, bytes | None] = {}
        self.asked: list[str] = []

    @property
    def repository(self) -> TufRepository:
        return TufRepository(self.folder, self.key_file, self.now)

    @property
    def metadata(self) -> Path:
        return self.folder / METADATA_FOLDER

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def put(self, version: str, content: bytes, name: str = INDEX_NAME) -> Path:
        """Put a file of an index where central keeps it."""
        path = self.indexes / version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def sign(self, version: str, content: bytes) -> Path:
        """Publish an index."""
        path = self.put(version, content)
        self.repository.sign_index(path.parent)
        return path

    def rotate(self, *, with_root: bool = False) -> None:
        repository = self.repository
        root = repository.unseal_root()
        (repository.rotate_root_key if with_root else repository.rotate_online_keys)(root)

    def copy(self) -> dict[str, bytes | None]:
        """Return what is served now, for somebody to answer with later."""
        return {path.name: path.read_bytes() for path in self.metadata.iterdir()}

    def read(self, name: str) -> bytes | None:
        """Return what is served under a name."""
        path = self.metadata / name
        return path.read_bytes() if path.exists() else None

    def fetch(self, name: str, max_bytes: int) -> bytes | None:
        self.asked.append(name)
        content = self.answers[name] if name in self.answers else self.read(name)
        assert content is None or len(content) <= max_bytes or name in self.answers
        return content

    def newest(self, role: str) -> str:
        """Return the name of a role's newest file."""
        if role == "timestamp":
            return "timestamp.json"
        names = [path.name for path in self.metadata.glob(f"*.{role}.json") if path.name[0].isdigit()]
        return max(names, key=lambda name: int(name.split(".")[0]))
