"""What an opened site also asked for: refused to the same device, within seconds, and worth offering."""

from blocklists.related_names import MAX_RELATED_NAMES, find_related_names
from dns.querylog.records import QueryRecord


def record(second: int, name: str, verdict: str, device: str = "192.0.2.10", category: str = "") -> QueryRecord:
    return QueryRecord(second, device, "pupils", name, 1, verdict, "list", category, "src", name, 0, 1, 1.0)


def test_names_refused_to_the_same_device_right_after_are_offered() -> None:
    records = [
        record(100, "www.site.example", "allowed"),
        record(101, "pictures.example", "refused", category="file_hosting"),
        record(102, "fonts.example", "refused", category="streaming"),
        record(200, "site.example", "allowed", device="192.0.2.11"),
        record(203, "pictures.example", "refused", device="192.0.2.11", category="file_hosting"),
    ]
    assert [
        (one.name, one.times, one.devices, one.category) for one in find_related_names(records, "site.example")
    ] == [
        ("pictures.example", 2, 2, "file_hosting"),
        ("fonts.example", 1, 1, "streaming"),
    ]


def test_what_another_device_or_a_later_moment_asked_is_not() -> None:
    records = [
        record(90, "before.example", "refused"),
        record(100, "site.example", "allowed"),
        record(101, "other-device.example", "refused", device="192.0.2.99"),
        record(120, "later.example", "refused"),
        record(102, "open.example", "allowed"),
    ]
    assert find_related_names(records, "site.example") == ()


def test_a_page_that_asks_often_counts_as_one_visit() -> None:
    records = [
        record(100, "site.example", "allowed"),
        record(101, "a.example", "refused"),
        record(102, "site.example", "allowed"),
        record(103, "a.example", "refused"),
        record(130, "site.example", "rewritten"),
        record(131, "a.example", "refused"),
    ]
    assert [one.times for one in find_related_names(records, "site.example")] == [2]


def test_adverts_and_what_is_granted_already_are_not_offered() -> None:
    records = [
        record(100, "site.example", "allowed"),
        record(101, "ads.example", "refused", category="advertising"),
        record(101, "cdn.granted.example", "refused", category="streaming"),
        record(101, "sub.site.example", "refused", category="streaming"),
    ]
    assert find_related_names(records, "site.example", known=["granted.example"]) == ()


def test_only_the_most_frequent_are_offered() -> None:
    records = [
        record(100, "site.example", "allowed"),
        *(record(101, f"n{at:02}.example", "refused") for at in range(40)),
    ]
    found = find_related_names(records, "site.example")
    assert len(found) == MAX_RELATED_NAMES
    assert found[0].name == "n00.example"
