"""Says above the form of who signs in that nobody can yet, and how the first account is made."""

from flask import Flask, request
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import accounts
from appliance.central.service import Central


def install_first_account_notice(app: Flask, central: Central, words: str) -> None:
    """Have a site's sign-in page say these words for as long as nobody has an account. No other page asks."""

    @app.context_processor
    def list_notices() -> dict[str, tuple[str, ...]]:
        if request.endpoint != "sign_in":
            return {}
        try:
            with central.store.read_session() as session:
                return {"notices": () if accounts.has_any_account(session) else (words,)}
        except SQLAlchemyError:  # the form stands there all the same, and says itself what is away
            return {"notices": ()}
