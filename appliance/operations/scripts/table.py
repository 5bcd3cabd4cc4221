"""How a row of the scripts' table is written: one for an operation, two for one that can be looked at first."""

from types import MappingProxyType
from typing import Any

import msgspec

from appliance.operations.operation import SCRIPTS_PATH, Answer, Operation, answer_made, answer_ok
from appliance.problem_details import ProblemType
from appliance.rights import Right

OVER = MappingProxyType({204: Answer(words="It is done.")})
CSV = MappingProxyType({200: Answer(words="A table, safe for spreadsheets.", media_type="text/csv")})


def of_script(
    id: str,  # noqa: A002 (the name of the field)
    address: str,
    right: Right,
    summary: str,
    answer: Any,
    *,
    problems: tuple[ProblemType, ...] = (),
    **more: Any,
) -> Operation:
    """Return what a script can ask.

    `address`: its method and its path. `answer`: its words and its type (201 where something is made by POST with
    `is_made`), or the answers themselves. What only reads is not kept; `writes="audit"` keeps who read it.
    """
    method, path = address.split()
    is_made = more.pop("is_made", False)
    if isinstance(answer, tuple):
        answer = (answer_made if is_made else answer_ok)(*answer)
    for name in ("parameters", "query", "fixed"):
        if name in more:
            more[name] = MappingProxyType(more[name])
    if method != "GET":
        problems = (*problems, ProblemType.NOT_POSSIBLE, ProblemType.NOT_FOUND)
    elif "query" in more:
        problems = (*problems, ProblemType.BAD_MESSAGE)
    more.setdefault("writes", "nothing" if method == "GET" else "school")
    return Operation(
        id=id,
        caller="script",
        method=method,  # type: ignore[arg-type]  # one of the four: the tables are ours
        path=f"{SCRIPTS_PATH}{path}",
        summary=summary,
        right=right,
        answers=answer,
        own_problems=tuple(dict.fromkeys(problems)),
        **more,
    )


def with_preview(preview: tuple[str, Any], *row: Any, **more: Any) -> tuple[Operation, Operation]:
    """Return an operation, and the one that says what it would come to.

    `preview`: that one's words and type; the rest is what `of_script` takes.
    """
    operation = of_script(*row, **more)
    return operation, msgspec.structs.replace(
        operation, id=f"preview_{operation.id}", method="POST", path=f"{operation.path}/preview",
        summary=f"Says what `{operation.id}` would come to, and changes nothing.", answers=answer_ok(*preview),
        view=operation.view or operation.id, writes="nothing", is_preview=True,
    )  # fmt: skip
