"""Which servers a card asks: its own, or those that the network gives."""

import pytest

from appliance.card.provisioning import update_upstreams
from tests.fakes.card import SETTINGS, FakeCard, FakeMachine


class TestTheNetworksServers:
    def offer(self, card: FakeCard, *servers: str) -> None:
        card.paths.network_state.parent.mkdir(parents=True, exist_ok=True)
        card.paths.network_state.write_text(f"OPER_STATE=routable\nDNS={' '.join(servers)}\nNTP=192.0.2.1\n")

    def asked(self, card: FakeCard) -> list[str]:
        return [server.host for server in card.settings_in_use().dns.upstreams]

    @pytest.fixture
    def card(self, card: FakeCard) -> FakeCard:
        card.write_settings('[room]\nname = "Room 4"\n')
        card.boot()
        return card

    def test_are_asked_as_soon_as_they_are_known_and_at_once_after_the_next_boot(self, card: FakeCard) -> None:
        machine = FakeMachine()
        self.offer(card, "192.0.2.53", "2001:db8::53")
        assert update_upstreams(card.paths, machine, is_network_up=False)
        assert self.asked(card) == ["192.0.2.53", "2001:db8::53"]
        assert not update_upstreams(card.paths, machine, is_network_up=False)
        card.forget_memory()
        card.boot()
        assert self.asked(card) == ["192.0.2.53", "2001:db8::53"]

    def test_are_never_the_pi_itself_nor_of_one_link_only(self, card: FakeCard) -> None:
        machine = FakeMachine()
        machine.addresses = {"192.0.2.14"}
        self.offer(card, "192.0.2.14", "fe80::1%2", "127.0.0.1", "192.0.2.53#dns.example", "nonsense")
        update_upstreams(card.paths, machine, is_network_up=False)
        assert self.asked(card) == ["192.0.2.53"]

    def test_are_forgotten_only_by_a_network_that_has_settled(self, card: FakeCard) -> None:
        self.offer(card, "192.0.2.53")
        update_upstreams(card.paths, FakeMachine(), is_network_up=False)
        self.offer(card)
        assert not update_upstreams(card.paths, FakeMachine(), is_network_up=False)
        assert update_upstreams(card.paths, FakeMachine(), is_network_up=True)
        assert self.asked(card)[0] == "9.9.9.9"

    def test_are_not_asked_where_the_settings_name_others(self, card: FakeCard) -> None:
        card.write_settings(SETTINGS)
        card.boot()
        self.offer(card, "192.0.2.99")
        assert not update_upstreams(card.paths, FakeMachine(), is_network_up=True)
        assert self.asked(card) == ["192.0.2.53"]
