"""A name in a sentence reads in its own direction, and is no HTML."""

from flask import Flask

from webui.shared.isolated_names import isolate, isolate_all
from webui.shared.language_menu import install_languages
from webui.shared.languages import COOKIE


def test_each_name_stands_on_its_own_with_the_comma_of_the_language() -> None:
    app = Flask(__name__)
    install_languages(app, default="", domains=("room",))
    for language, comma in (("en", ", "), ("ar", "، ")):
        with app.test_request_context(headers={"Cookie": f"{COOKIE}={language}"}):
            said = isolate_all(["2001:db8::1", "<b>"])
            assert said == f"<bdi>2001:db8::1</bdi>{comma}<bdi>&lt;b&gt;</bdi>"
    assert isolate("<b>") == "<bdi>&lt;b&gt;</bdi>"
