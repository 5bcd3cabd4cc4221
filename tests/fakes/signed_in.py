"""Somebody who is signed in at a site, without its form."""

from flask import Flask
from flask.testing import FlaskClient

from appliance.protocol import Account
from webui.shared.sessions import SESSION_ID, session_table


def signed_in_client(app: Flask, account: Account) -> FlaskClient:
    """Return a browser that holds the cookie of a session of this account."""
    session_id = session_table(app).start_session(account, "Firefox on Linux")
    client = app.test_client()
    with client.session_transaction() as session:
        session[SESSION_ID] = session_id
    return client
