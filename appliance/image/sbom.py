"""What is on the card, as a CycloneDX 1.6 document: every Debian package, every Python package, Hallpass itself.

Read from the finished root, not from the recipe: what dpkg and the wheels' metadata say is there.
"""

import email.parser
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from appliance.image.recipe import SUITE

_NAMESPACE = uuid.UUID("48a11fa5-0000-4000-8000-000000000000")


class InstalledPackage(msgspec.Struct, frozen=True, order=True):
    """One package of the card."""

    kind: str  # "deb" or "pypi"
    name: str
    version: str
    architecture: str = ""
    license: str = ""

    @property
    def purl(self) -> str:
        """Return the package's URL, its name in every such document."""
        version = quote(self.version, safe="")
        if self.kind == "deb":
            return f"pkg:deb/debian/{quote(self.name)}@{version}?arch={self.architecture}&distro={SUITE}"
        return f"pkg:pypi/{quote(self.name.lower().replace('_', '-'))}@{version}"


def list_packages(root: Path) -> list[InstalledPackage]:
    """Return every package in a root, sorted."""
    return sorted([*read_debian_packages(root), *read_python_packages(root)])


def read_debian_packages(root: Path) -> Iterator[InstalledPackage]:
    """Yield the installed Debian packages, from dpkg's own record."""
    status = root / "var/lib/dpkg/status"
    for paragraph in status.read_text(errors="replace").split("\n\n") if status.exists() else ():
        fields = email.parser.Parser().parsestr(paragraph, headersonly=True)
        if fields["Status"] == "install ok installed":
            yield InstalledPackage("deb", fields["Package"], fields["Version"], fields["Architecture"])


def read_python_packages(root: Path) -> Iterator[InstalledPackage]:
    """Yield the Python packages of the virtual environment, from their metadata."""
    for path in root.glob("opt/hallpass/lib/python3*/site-packages/*.dist-info/METADATA"):
        fields = email.parser.Parser().parsestr(path.read_text(errors="replace"), headersonly=True)
        yield InstalledPackage(
            "pypi", fields["Name"], fields["Version"], license=fields.get("License-Expression", "")
        )


def encode_sbom(root: Path, version: str, epoch: int) -> bytes:
    """Return the document, the same bytes for the same root."""
    packages = list_packages(root)
    identity = uuid.uuid5(_NAMESPACE, "\n".join(package.purl for package in packages))
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds"),
            "component": {"type": "operating-system", "name": "hallpass-card", "version": version},
        },
        "components": [_component(package) for package in packages],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _component(package: InstalledPackage) -> dict[str, object]:
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }
    if package.license:
        component["licenses"] = [{"expression": package.license}]
    return component
