"""What both sites know of a session."""

import pytest

from appliance.sessions import describe_device, new_session_id

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (WINDOWS, "Chrome on Windows"),
        (f"{WINDOWS} Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 1.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
            "Chrome on a Chromebook",
        ),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1 Safari/604.1", "Safari on an iPad"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Something", "A browser on a Mac"),
        ("curl/8.0", "An unknown device"),
        ("", "An unknown device"),
        ("<script>alert(1)</script>" * 100, "An unknown device"),
    ],
)
def test_a_device_is_named_in_a_few_words_of_ours(says: str, words: str) -> None:
    assert describe_device(says) == words


def test_ids_have_256_bits_and_are_never_the_same() -> None:
    made = {new_session_id() for _ in range(100)}
    assert len(made) == 100
    assert {len(one) for one in made} == {43}  # base64 of 32 octets
