"""What a row of the table of operations says, and what every operation may answer."""

from types import MappingProxyType
from typing import Any, Literal

import msgspec

from appliance.problem_details import ProblemType
from appliance.rights import Right

BASE_PATH = "/api/v1"
SCRIPTS_PATH = "/school"  # below it: what is for scripts
INTERFACE_VERSION = "1"
MAX_BODY_BYTES = 64 * 1024  # the largest honest one is an incident with its evidence
PROBLEMS_OF_ALL = (
    ProblemType.UNKNOWN_TOKEN,
    ProblemType.CERTIFICATE_NEEDED,
    ProblemType.CERTIFICATE_ENDED,
    ProblemType.UNKNOWN_CERTIFICATE,
    ProblemType.ROOM_ENDED,
    ProblemType.COPY_STOPPED,
    ProblemType.BUSY,
    ProblemType.DATABASE_AWAY,
)
PROBLEMS_OF_SCRIPTS = (
    ProblemType.UNKNOWN_TOKEN,
    ProblemType.NOT_ALLOWED,
    ProblemType.TOO_MANY_CALLS,
    ProblemType.BUSY,
    ProblemType.DATABASE_AWAY,
)
PROBLEMS_OF_SCHOOLS = (
    ProblemType.UNKNOWN_TOKEN,
    ProblemType.SCHOOL_ENDED,
    ProblemType.NOT_POSSIBLE,
    ProblemType.DATABASE_AWAY,
)
PROBLEMS_OF = MappingProxyType(
    {
        "room": PROBLEMS_OF_ALL,
        "script": PROBLEMS_OF_SCRIPTS,
        "school": PROBLEMS_OF_SCHOOLS,
        "invited": PROBLEMS_OF_SCHOOLS,
    }
)
_PROBLEMS_OF_BODIES = (ProblemType.BAD_MESSAGE, ProblemType.TOO_LARGE, ProblemType.UNSUPPORTED_MEDIA_TYPE)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered where nothing is wrong."""

    words: str
    kind: Any = None  # the type of what comes; None: nothing, or bytes
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()  # those that are part of the interface


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a room, or a script, can ask of central, or a school's central of its trust."""

    id: str
    caller: Literal["room", "script", "school", "invited"] = "room"
    method: Literal["GET", "PUT", "POST", "DELETE"]
    path: str  # below `BASE_PATH`, with its parameters in braces
    summary: str
    right: Right
    parameters: MappingProxyType[str, Any] = MappingProxyType({})  # of the address, and their types
    query: MappingProxyType[str, Any] = MappingProxyType({})  # none has to be there
    body: type[msgspec.Struct] | None = None
    answers: MappingProxyType[int, Answer]
    own_problems: tuple[ProblemType, ...] = ()
    view: str = ""  # the name of what answers it; "": its id
    fixed: MappingProxyType[str, Any] = MappingProxyType({})  # what that is given besides: it may answer several
    writes: Literal["nothing", "audit", "school"] = "school"  # "nothing": whatever it did is not kept
    is_preview: bool = False  # it says what another one would come to

    @property
    def problems(self) -> tuple[ProblemType, ...]:
        """Return everything that may go wrong."""
        of_all = PROBLEMS_OF[self.caller]
        of_body = _PROBLEMS_OF_BODIES if self.body is not None else ()
        of_address = (ProblemType.NOT_FOUND,) if self.parameters else ()
        return (*of_all, *of_body, *of_address, *self.own_problems)


def answer_ok(words: str, kind: Any, **more: Any) -> MappingProxyType[int, Answer]:
    """Return that what is asked for comes (200)."""
    return MappingProxyType({200: Answer(words=words, kind=kind, **more)})


def answer_made(words: str, kind: Any) -> MappingProxyType[int, Answer]:
    """Return that something was made, and comes (201)."""
    return MappingProxyType({201: Answer(words=words, kind=kind)})
