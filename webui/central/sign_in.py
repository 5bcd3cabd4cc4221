"""Signing in at central's pages: what the service says, in words."""

from appliance.central import openid_accounts, second_factor
from appliance.central import sign_in as central_sign_in
from appliance.central.key_file import KeyFileUnusable
from appliance.central.service import Central
from appliance.central.sign_in import PAGES, CodeNeeded, FactorMissing, WrongCode
from appliance.protocol import Account, normalize_username
from appliance.rights import Right, Scope, has_right
from appliance.sign_in_throttle import SignInOrigin, TooManyTries
from webui.central.room_sign_in.views import leads_to_room
from webui.shared.access import site_scope
from webui.shared.auth import CodeWanted, SignInAnswer, SignInAttempt, SignInRefused
from webui.shared.translation import gettext, translatable

_NO_KEY_FILE = translatable(
    "Nobody with a second step can sign in: the file with which central's secrets are sealed is missing. "
    "Please tell your technician."
)
NOT_HERE = translatable(
    "This page is for those who work for the whole school. Teachers sign in on their room's own page."
)


def check_sign_in(central: Central, attempt: SignInAttempt) -> SignInAnswer:
    """Return who signs in, or why nobody does, or that a code is asked as well."""
    origin = SignInOrigin(place=PAGES, source=attempt.address, device=attempt.device)
    try:
        if not attempt.step and _is_password_off(central, attempt.username):
            return _refuse_password(
                central, central.sign_in.check_password(origin, attempt.username, attempt.password)
            )
        if attempt.step:
            answer = central.sign_in.sign_in_with_code(origin, attempt.step, attempt.code)
        else:
            answer = central.sign_in.sign_in(origin, attempt.username, attempt.password)
    except KeyFileUnusable:
        return SignInRefused(words=_NO_KEY_FILE, status=503)
    return _say(answer)


def _say(answer: central_sign_in.SignInAnswer) -> SignInAnswer:
    match answer:
        case Account() if has_right(answer.roles, Right.SIGN_IN, site_scope()) or _leads_to_room(answer):
            return answer
        case CodeNeeded(step=step):
            return CodeWanted(step) if step else SignInRefused(words="", is_over=True)
        case TooManyTries():
            return SignInRefused(words=f"{answer}.", status=429, wait_seconds=answer.wait_seconds)
        case WrongCode():
            return SignInRefused(words=f"{second_factor.WRONG_CODE.capitalize()}.")
        case None:
            return SignInRefused(words="User name or password is not right.")
        case Account() | FactorMissing():
            return SignInRefused(words=NOT_HERE)


def _leads_to_room(account: Account) -> bool:
    return site_scope() is Scope.SCHOOL and leads_to_room(account)


def _is_password_off(central: Central, username: str) -> bool:
    """Tell whether somebody comes by the school's provider, and by nothing else."""
    openid = central.settings.openid
    if openid is None or openid.passwords:
        return False
    with central.store.read_session() as session:
        return openid_accounts.is_linked(session, normalize_username(username))


def _refuse_password(central: Central, answer: Account | TooManyTries | None) -> SignInRefused:
    """Say to whoever has the password right that it is the other button, and to nobody else."""
    if isinstance(answer, Account):
        label = central.settings.openid.words if central.settings.openid else ""
        return SignInRefused(
            words=gettext("Please sign in with %(provider)s: your password is switched off here.", provider=label)
        )
    said = _say(answer)
    return said if isinstance(said, SignInRefused) else SignInRefused(words="")
