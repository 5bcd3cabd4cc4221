"""The compiled hot path does what the interpreted one does (docs/adr/0023-the-hot-path-is-compiled.md)."""

import ast
import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dns.test_hostile import OPTIONS, hostile
from tests.fakes.answering_room import (
    NAMES,
    TRANSPORTS,
    AnsweringRoom,
    RoomElsewhere,
    Step,
    edited,
    room_of_build,
)
from tests.fakes.compiled_build import HOOK, MODULES, ROOT, build_wheel, compiled_folder, environment
from tests.fakes.policies import PUPIL, TEACHER
from tests.fakes.resolvers import question
from tests.fakes.struct_shapes import struct_shapes

# One compilation, and one worker that waits for it.
pytestmark = [pytest.mark.xdist_group("compiled"), pytest.mark.timeout(900)]

STRANGER = "203.0.113.9"
# mypyc's own code ends a coroutine as Python did until 3.11; nobody but a test is told of it.
OLD_THROW = "ignore:the (type, exc, tb) signature of throw:DeprecationWarning"
# What reads bytes of strangers, what decides and what counts; `exhaustive` runs all of tests/dns.
TELLING = (
    "tests/dns/test_hostile.py",
    "tests/dns/message/test_scrub.py",
    "tests/dns/pipeline/test_dnssec_records.py",
    "tests/dns/querylog",
    "tests/dns/server/test_datagram_batch.py",
)

edits = st.lists(
    st.tuples(
        st.sampled_from(["change", "cut", "insert", "repeat"]),
        st.integers(0, 300),
        st.binary(min_size=1, max_size=6),
    ),
    max_size=4,
).map(tuple)
questions = st.builds(
    question,
    st.sampled_from(NAMES),
    st.sampled_from(["A", "AAAA", "HTTPS", "ANY", "TXT", "DS"]),
    edns=st.sampled_from(OPTIONS),
    size=st.sampled_from([0, 512, 1232, 65535]),
    dnssec=st.booleans(),
    flags=st.sampled_from([0, 0x10, 0x20, 0x40, 0xFF]),
    version=st.sampled_from([0, 0, 0, 1]),
)
packets = st.one_of(questions, st.builds(edited, questions, edits), hostile)
steps = st.builds(
    Step,
    packets,
    st.sampled_from([PUPIL, TEACHER, STRANGER]),
    st.sampled_from(TRANSPORTS),
    st.sampled_from([0.0, 0.5, 3.0, 61.0, 400.0, 90_000.0]),
    st.one_of(st.just(()), edits),
)


@pytest.fixture(name="folder", scope="module")
def _folder() -> Path:
    return compiled_folder()


@pytest.fixture(name="elsewhere", scope="module")
def _elsewhere(folder: Path) -> Iterator[RoomElsewhere]:
    with room_of_build(folder) as room:
        yield room


@pytest.fixture(name="here", scope="module")
def _here() -> AnsweringRoom:
    return AnsweringRoom()


def test_what_is_named_is_compiled_and_nothing_else(folder: Path) -> None:
    compiled = {str(path.relative_to(folder)).split(".")[0].replace("/", ".") for path in folder.rglob("*.so")}
    assert compiled == {*MODULES, "hallpass__mypyc"}


@pytest.mark.parametrize("module", MODULES)
def test_what_a_compiled_module_never_changes_is_final(module: str) -> None:
    """Or its compiled code looks it up in a dictionary, at every use."""
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assert [one.id for one in targets if isinstance(one, ast.Name) and one.id.isupper()] == []


@pytest.mark.parametrize("switches", [{}, {"HATCH_BUILD_HOOKS_ENABLE": "1", "HATCH_BUILD_NO_HOOKS": "1"}])
def test_a_wheel_runs_everywhere_unless_somebody_asks_for_another(
    switches: dict[str, str], tmp_path: Path
) -> None:
    build_wheel(tmp_path, **switches)
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")


def test_an_editable_installation_is_never_compiled() -> None:
    namespace = runpy.run_path(str(ROOT / "hatch_build.py"))
    hook = namespace["CompiledModulesHook"](str(ROOT), HOOK, None, None, "", "wheel")
    build_data: dict[str, object] = {}
    hook.initialize("editable", build_data)
    hook.finalize("editable", build_data, "")
    assert build_data == {}


def test_the_compiler_is_the_one_that_checks_the_types() -> None:
    (compiler,) = (one for one in HOOK["dependencies"] if one.startswith("mypy"))
    assert compiler == f"mypy=={metadata.version('mypy')}"
    assert f"\n{compiler}\n" in (ROOT / "constraints.txt").read_text()


def test_every_struct_is_configured_alike_in_both_builds(folder: Path) -> None:
    command = (sys.executable, "-m", "tests.fakes.struct_shapes")
    printed = subprocess.run(
        command, check=True, capture_output=True, env=environment(folder), cwd=ROOT, timeout=120
    ).stdout
    compiled, interpreted = json.loads(printed), json.loads(json.dumps(struct_shapes()))
    assert len(interpreted) > 60
    assert {name: shape for name, shape in compiled.items() if interpreted.get(name) != shape} == {}
    assert compiled.keys() == interpreted.keys()


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=steps)
def test_both_builds_give_the_same_answers_and_log_them_alike(
    step: Step, here: AnsweringRoom, elsewhere: RoomElsewhere
) -> None:
    mine, theirs = here.take(step), elsewhere.take(step)
    assert theirs.build.endswith(".so")
    assert mine.build.endswith(".py")
    assert (theirs.replies, theirs.asked, theirs.records) == (mine.replies, mine.asked, mine.records)
    assert mine.mistakes == theirs.mistakes == 0


def test_the_telling_part_of_the_tests_passes_compiled(folder: Path) -> None:
    assert " passed" in passed_compiled(folder, *TELLING)


@pytest.mark.exhaustive
def test_every_test_of_dns_passes_compiled(folder: Path) -> None:
    everything = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "dns").rglob("test_*.py"))
    everything.remove("tests/dns/test_compiled_build.py")
    everything.remove("tests/dns/test_dns_is_ours.py")  # it is not where the sources are
    assert " passed" in passed_compiled(folder, *everything)


def passed_compiled(folder: Path, *tests: str) -> str:
    """Run tests with the compiled build; return the summary. Fails with what was printed where they do."""
    options = (
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--override-ini",
        f"pythonpath={folder}",
        "-W",
        OLD_THROW,
    )
    done = subprocess.run(
        (sys.executable, "-m", "pytest", *options, "--override-ini", f"pythonpath={folder}", *tests),
        check=False,
        capture_output=True,
        text=True,
        env=environment(folder),
        cwd=ROOT,
        timeout=880,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1]
