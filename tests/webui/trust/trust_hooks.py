"""What schemathesis, in its own environment, cannot know of the trust's interface from the document."""

from typing import Any

import schemathesis

MAX_NAME = 253


@schemathesis.hook  # type: ignore[untyped-decorator]  # it is not installed here
def map_case(_context: Any, case: Any) -> Any:
    """Let half of what is otherwise right get as far as the services: schools that there are, and sites."""
    body = case.body
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or len(body["name"]) > MAX_NAME:
        return case
    if len(body["name"]) % 2 == 0:
        body["name"] = f"g{len(body['name'])}.example.org"
        if isinstance(body.get("schools"), list):
            body["schools"] = []  # of those that are made up there is none
    return case
