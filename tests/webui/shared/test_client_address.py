"""Whom a wrong password is counted for."""

import pytest
from flask import Flask, request

from webui.shared.client_address import client_address


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_a_device_has_one_address_whichever_it_takes_of_its_network(remote: str, counted: str) -> None:
    with Flask(__name__).test_request_context(environ_base={"REMOTE_ADDR": remote}):
        assert client_address(request) == counted


def test_what_a_client_says_of_itself_is_worth_nothing() -> None:
    said = {"X-Forwarded-For": "198.51.100.1"}
    with Flask(__name__).test_request_context(environ_base={"REMOTE_ADDR": "192.0.2.1"}, headers=said):
        assert client_address(request) == "192.0.2.1"
