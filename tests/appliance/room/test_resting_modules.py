"""What a room's processes have imported when they begin: each unit of a card is an interpreter of its own.

What is named here is a megabyte or more for which a resting room has no use.
"""

import subprocess
import sys

import pytest

from appliance import entrance
from appliance.image.root import NOT_FOR_SERVICES

FOR_NO_UNIT = {
    "alembic", "blocklists.compiler", "cryptography.x509", "dateutil", "deprecated", "limits.aio", "pygments",
    "rich", "sqlalchemy", "sqlite_utils", "tarfile", "tomlkit", "typing_extensions",
}  # fmt: skip
MAKES_ANSWERS = {"dns.cache", "dns.resolver", "dnslib"}  # the resolver alone
HAS_NO_PAGES = {"click", "flask", "gevent"}
ENTRANCES = {
    "recorder": (entrance.SERVICES["recorder"], MAKES_ANSWERS | HAS_NO_PAGES | {"httpx", "ssl"}),
    "resolver": (entrance.SERVICES["resolver"], HAS_NO_PAGES | {"cryptography", "httpx"}),
    "agent": (
        entrance.SERVICES["agent"],
        MAKES_ANSWERS | HAS_NO_PAGES | {"anyio", "cryptography", "http.server", "httpx"},
    ),
    "web": (
        "appliance.cli, appliance.commands.web, appliance.web_process, webui.room.app",
        MAKES_ANSWERS | {"asyncio", "cryptography", "httpx"},
    ),
}
SCRIPT = (
    "import sys; from appliance import entrance; entrance.import_less({!r}); import {};"
    "print(*sorted({!r}.intersection(sys.modules)));"
    "print(*[one.__file__ for one in list(sys.modules.values()) if getattr(one, '__file__', None)], sep='\\n')"
)


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("unit", ENTRANCES)
def test_a_unit_at_rest_has_nothing_that_it_does_not_need(unit: str) -> None:
    modules, useless = ENTRANCES[unit]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(unit, modules, useless | FOR_NO_UNIT)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found, *files = done.stdout.splitlines()
    assert (found, done.stderr) == ("", "")
    # What the image does not compile for services would be compiled at each start.
    assert [file for file in files if NOT_FOR_SERVICES.search(file)] == []


def test_a_database_without_dateutil_leaves_it_to_who_wants_it() -> None:
    script = (
        "import sys; from appliance.room.sqlite_library import Database; assert 'dateutil' not in sys.modules; "
        "from dateutil import parser; print(parser.parse('2026-11-27').day, Database(memory=True).table_names())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("27 []\n", "")
