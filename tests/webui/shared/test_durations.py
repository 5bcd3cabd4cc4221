"""A duration is said in one way: as people say it, in the language of the page."""

import pytest
from flask import Flask

from webui.shared.durations import describe_duration
from webui.shared.language_menu import install_languages
from webui.shared.languages import COOKIE


@pytest.mark.parametrize(
    ("minutes", "english", "welsh", "arabic"),
    [
        (0, "0 minutes", "0 munud", "0 دقيقة"),
        (1, "1 minute", "1 munud", "دقيقة واحدة"),
        (10, "10 minutes", "10 munud", "10 دقائق"),
        (60, "1 hour", "1 awr", "ساعة واحدة"),
        (90, "90 minutes", "90 munud", "90 دقيقة"),
        (120, "2 hours", "2 awr", "ساعتان"),
        (150, "2 hours 30 minutes", "2 awr 30 munud", "ساعتان و30 دقيقة"),
        (1440, "1 day", "1 diwrnod", "يوم واحد"),
        (10080, "7 days", "7 diwrnod", "7 أيام"),
    ],
)
def test_a_duration_is_said_as_people_say_it(minutes: int, english: str, welsh: str, arabic: str) -> None:
    app = Flask(__name__)
    install_languages(app, default="", domains=("room",))
    for language, words in (("en", english), ("cy", welsh), ("ar", arabic)):
        with app.test_request_context(headers={"Cookie": f"{COOKIE}={language}"}):
            assert describe_duration(minutes) == words
