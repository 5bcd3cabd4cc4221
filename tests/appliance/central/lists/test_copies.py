"""What is said of the copies of lists: one server that is away is one sentence, not one for each of its lists."""

from appliance.central.lists.copies import SourceCopy, list_conditions, name_some


def test_lists_that_fail_alike_are_one_condition() -> None:
    away = SourceCopy(age=None, failures=1, error="lists.example.org cannot be found")
    copies = {f"list-{at}": away for at in range(24)}
    copies["other"] = SourceCopy(age=None, failures=1, error="other.example.org cannot be found")
    copies["sound"] = SourceCopy(age=60.0)
    assert list_conditions(copies) == [
        "list-0, list-1, list-2, … (24): could never be had: lists.example.org cannot be found",
        "other: could never be had: other.example.org cannot be found",
    ]


def test_a_few_names_are_all_said() -> None:
    assert name_some(["a", "b", "c"]) == "a, b, c"
