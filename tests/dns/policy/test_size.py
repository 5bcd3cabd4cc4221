"""A large school's policy: ten thousand rules, five hundred unblocks, fifty groups. Looked up, never walked."""

from ipaddress import ip_network
from random import Random

from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Group, PolicyDocument, Profile, Rule, Unblock
from dns.policy.embedded_names import EMBEDDING_DOMAINS
from dns.policy.lookups import NetworkTable
from dns.policy.verdict import Action, BlockEntry
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import NOW, minutes


def large(chance: Random, version: int = 1) -> PolicyDocument:
    groups = tuple(
        Group(name=f"g{number}", profile=f"p{number % 5}", members=(f"10.{number}.0.0/16",))
        for number in range(50)
    )
    return PolicyDocument(
        version=version,
        groups=groups,
        default_group="g0",
        profiles=tuple(Profile(name=f"p{number}", closed=("games",)) for number in range(5)),
        rules=tuple(
            Rule(
                name=f"site{number}.example",
                action="block" if number % 2 else "allow",
                groups=(f"g{chance.randrange(50)}",) if number % 3 == 0 else (),
            )
            for number in range(10_000)
        ),
        unblocks=tuple(
            Unblock(id=str(number), site=f"site{number}.example", until=minutes(30)) for number in range(500)
        ),
    )


class CountingBlocklist(FakeBlocklist):
    """Counts how often it is looked up."""

    lookups = 0

    def find_block_entries(self, name: str, qtype: int = 1) -> tuple[BlockEntry, ...]:
        self.lookups += 1
        return super().find_block_entries(name, qtype)


def test_every_rule_and_unblock_of_a_large_policy_counts() -> None:
    policy = CompiledPolicy(large(Random(1)), FakeBlocklist())
    view = policy.view("10.7.0.1")

    assert view.decide("www.site499.example", 1, NOW).action is Action.ALLOW
    assert view.decide("www.site503.example", 1, NOW).action is Action.BLOCK
    assert view.decide("site9998.example", 1, NOW).action is Action.ALLOW
    assert {policy.view(f"10.{number}.3.4").group for number in range(50)} == {
        f"g{number}" for number in range(50)
    }


def test_a_decision_asks_the_lists_once() -> None:
    lists = CountingBlocklist()
    policy = CompiledPolicy(large(Random(1)), lists)

    policy.view("10.7.0.1").decide("a.b.c.d.unknown.example", 1, NOW)

    assert lists.lookups == 1


def test_one_changed_rule_among_ten_thousand_changes_its_name_alone() -> None:
    old = large(Random(1))
    new = PolicyDocument(
        version=2,
        groups=old.groups,
        default_group="g0",
        profiles=old.profiles,
        rules=(*old.rules, Rule(name="Extra.Example.", action="block")),
        unblocks=old.unblocks[1:],
    )
    lists = FakeBlocklist()

    changed = CompiledPolicy(new, lists).names_changed_since(CompiledPolicy(old, lists))

    assert set(changed or ()) - EMBEDDING_DOMAINS == {"extra.example", "site0.example"}


def test_other_lists_change_everything() -> None:
    old, new = (CompiledPolicy(large(Random(1)), FakeBlocklist(version=version)) for version in ("a", "b"))

    assert new.names_changed_since(old) is None


def test_an_address_is_looked_up_by_the_lengths_in_use_and_not_network_by_network() -> None:
    networks = NetworkTable((ip_network(f"10.{a}.{b}.0/24"), f"{a}.{b}") for a in range(50) for b in range(50))

    assert len(networks._lengths) == 1  # what a look-up goes through
