"""What every error of central's machine interface must be."""

import httpx
import msgspec

from appliance.problem_details import MEDIA_TYPE, ProblemDetails


def problem_in(answer: httpx.Response, status: int | None = None) -> ProblemDetails:
    """Return the problem that an answer is; one sentence, and not a fault of central's."""
    assert 400 <= answer.status_code < 500 or answer.status_code == 503, (answer.status_code, answer.text)
    assert status in (None, answer.status_code), (answer.status_code, answer.text)
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    problem = msgspec.json.decode(answer.content, type=ProblemDetails)
    assert problem.status == answer.status_code
    assert problem.type
    assert problem.title
    assert len(problem.detail.splitlines()) == 1
    assert len(problem.detail) <= 500
    return problem
