"""Signing in at central for a page without HTTPS: the agent asks, and nothing of it is kept (ADR 0020)."""

from appliance.errors import HallpassError
from appliance.protocol import Account, RoomSignInPage, RoomSignInStart, SignInTicket
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_errors import CentralRejected, CentralUnreachable, TokenRejected
from appliance.room.agent.sign_in import NO_LONGER_ENROLLED
from appliance.room.teachers import NO_TEACHER, as_teacher

AWAY = (
    "Central cannot be reached at the moment, and without it nobody can sign in on this page. Please try again "
    "in a few minutes; if it stays so, tell the technician. The room goes on as it is"
)
NOT_TAKEN = "This took too long, or was done before. Please begin again"


async def start_sign_in(client: CentralClient, start: RoomSignInStart) -> RoomSignInPage:
    """Return where somebody signs in at central. Raises HallpassError with words for them."""
    try:
        return await client.start_sign_in(start)
    except TokenRejected:
        raise HallpassError(NO_LONGER_ENROLLED) from None
    except CentralUnreachable:
        raise HallpassError(AWAY) from None
    except CentralRejected as no:
        raise HallpassError(f"Central does not take this at the moment ({no})") from None


async def redeem_ticket(client: CentralClient, brought: SignInTicket) -> Account:
    """Return the teacher who signed in at central. Raises HallpassError with words for them."""
    try:
        account = await client.redeem_ticket(brought)
    except TokenRejected:
        raise HallpassError(NO_LONGER_ENROLLED) from None
    except CentralUnreachable:
        raise HallpassError(AWAY) from None
    except CentralRejected:
        raise HallpassError(NOT_TAKEN) from None
    teacher = as_teacher(account)
    if teacher is None:
        raise HallpassError(NO_TEACHER)
    return teacher
