"""What upstreams answered is remembered for as long as it says, and given in bad times for a while longer."""

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns import cache as module
from dns.cache import MessageCache

NOW = 1_800_000_000.0
SOA = "example.org. {ttl} SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 {minimum}"


def message(*answer: str, authority: str = "", rcode: int = 0, name: str = "www.example.org") -> bytes:
    reply = dnslib.DNSRecord.question(name).reply(ra=1)
    for line in answer:
        reply.add_answer(*dnslib.RR.fromZone(line))
    if authority:
        reply.add_auth(*dnslib.RR.fromZone(authority))
    reply.header.rcode = rcode
    reply.add_ar(dnslib.EDNS0(udp_len=1232))
    return bytes(reply.pack())


def ttls(data: bytes) -> list[int]:
    record = dnslib.DNSRecord.parse(data)
    return [one.ttl for one in (*record.rr, *record.auth)]


def test_an_answer_lives_as_long_as_its_shortest_lived_record_and_counts_down() -> None:
    cache = MessageCache()
    cache.put(
        ("www.example.org", 1, 0),
        message("www.example.org. 300 CNAME a.example.org.", "a.example.org. 60 A 192.0.2.1"),
        NOW,
    )
    cached = cache.get(("www.example.org", 1, 0), NOW + 20)
    assert cached is not None
    assert cached.is_fresh(NOW + 59)
    assert not cached.is_fresh(NOW + 60)
    assert ttls(cached.with_aged_ttls(NOW + 20)) == [280, 40]
    assert cached.ttl_left(NOW + 20) == 40


def test_name_type_and_wishes_are_kept_apart() -> None:
    cache = MessageCache()
    cache.put(("www.example.org", 1, 0), message("www.example.org. 300 A 192.0.2.1"), NOW)
    assert cache.get(("www.example.org", 28, 0), NOW) is None
    assert cache.get(("www.example.org", 1, 1), NOW) is None
    assert cache.get(("example.org", 1, 0), NOW) is None


@pytest.mark.parametrize(("ttl", "minimum", "life"), [(300, 60, 60), (30, 600, 30), (90000, 90000, 3600)])
@pytest.mark.parametrize("rcode", [0, 3])
def test_there_is_nothing_lives_as_long_as_its_soa_says(rcode: int, ttl: int, minimum: int, life: int) -> None:
    """RFC 2308, section 5; at most an hour."""
    cache = MessageCache()
    cached = cache.put(
        ("x.example.org", 1, 0), message(authority=SOA.format(ttl=ttl, minimum=minimum), rcode=rcode), NOW
    )
    assert cached is not None
    assert cached.expires_at == NOW + life
    assert ttls(cached.with_aged_ttls(NOW)) == [life]


@pytest.mark.parametrize("rcode", [0, 3])
def test_there_is_nothing_without_a_soa_is_given_but_not_remembered(rcode: int) -> None:
    cache = MessageCache()
    assert cache.put(("x.example.org", 1, 0), message(rcode=rcode), NOW) is not None
    assert cache.get(("x.example.org", 1, 0), NOW) is None


def test_an_alias_that_leads_to_nothing_is_a_negative_answer() -> None:
    """RFC 2308, section 2.2: the alias alone does not make it a positive one."""
    cache = MessageCache()
    alias = "www.example.org. 3000 CNAME a.example.org."
    cached = cache.put(("www.example.org", 1, 0), message(alias, authority=SOA.format(ttl=300, minimum=60)), NOW)
    assert cached is not None
    assert cached.expires_at == NOW + 60


def test_times_to_live_are_held_within_bounds() -> None:
    cache = MessageCache(minimum_ttl=30, maximum_ttl=600)
    for given_ttl, kept in ((0, 30), (100, 100), (100_000, 600), (0x80000001, 30)):
        cached = cache.put(("www.example.org", 1, 0), message(f"www.example.org. {given_ttl} A 192.0.2.1"), NOW)
        assert cached is not None
        assert ttls(cached.with_aged_ttls(NOW)) == [kept]
        assert cached.expires_at == NOW + kept


def test_an_answer_that_lives_no_second_is_given_once_and_forgotten() -> None:
    cache = MessageCache()
    assert cache.put(("www.example.org", 1, 0), message("www.example.org. 0 A 192.0.2.1"), NOW) is not None
    assert len(cache) == 0


def test_a_failure_is_remembered_for_some_seconds() -> None:
    """RFC 9520, section 3.2."""
    cache = MessageCache()
    cache.put(("www.example.org", 1, 0), message(rcode=2), NOW)
    assert cache.get(("www.example.org", 1, 0), NOW + 4) is not None
    assert cache.get(("www.example.org", 1, 0), NOW + 5) is None


def test_rfc9520_3_2_a_failure_that_lasts_is_remembered_for_longer_and_never_for_more_than_five_minutes() -> None:
    cache, now, key, lives = MessageCache(), NOW, ("www.example.org", 1, 0), []
    for _ in range(9):
        cached = cache.put(key, message(rcode=2), now)
        assert cached is not None
        lives.append(cached.expires_at - now)
        now = cached.expires_at + 1
    assert lives == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    cache.put(key, message(rcode=2), now + 1000)  # long after: it may have been well meanwhile
    assert cache.get(key, now + 1006) is None


def test_failures_are_forgotten_when_their_cause_has_gone() -> None:
    cache, key = MessageCache(), ("www.example.org", 1, 0)
    cache.put(key, message(rcode=2), NOW)
    cache.forget_failures(NOW + 1)
    assert cache.get(key, NOW + 1) is None
    cache.put(key, message(rcode=2), NOW + 2)
    assert cache.get(key, NOW + 3) is not None


def test_the_upstreams_own_edns_record_is_left_out_wherever_it_stands() -> None:
    plain = message("www.example.org. 300 A 192.0.2.1")
    extra = dnslib.DNSRecord.parse(plain)
    extra.add_ar(dnslib.RR("ns.example.org", dnslib.QTYPE.A, ttl=60, rdata=dnslib.A("192.0.2.53")))
    for data in (plain, bytes(extra.pack())):
        cached = MessageCache().put(("www.example.org", 1, 0), data, NOW)
        assert cached is not None
        parsed = dnslib.DNSRecord.parse(cached.message)
        assert parsed.ar == []
        assert len(cached.ttl_offsets) == len(parsed.rr) == 1


def test_rfc1035_3_2_4_an_answer_with_a_record_of_another_class_is_none() -> None:
    answer = message("www.example.org. 300 CH A 192.0.2.1")
    assert MessageCache().put(("www.example.org", 1, 0), answer, NOW) is None


@pytest.mark.parametrize("rcode", [3, 6])
@pytest.mark.parametrize("alias", [False, True])
def test_rfc2308_2_1_and_rfc6672_2_2_a_code_that_denies_its_own_records_is_no_answer(
    rcode: int, *, alias: bool
) -> None:
    way = ("www.example.org. 300 CNAME a.example.org.",) if alias else ()
    owner = "a.example.org" if alias else "www.example.org"
    denied = message(*way, f"{owner}. 300 A 192.0.2.1", rcode=rcode)

    cache = MessageCache()
    assert cache.put(("www.example.org", 1, 0), denied, NOW) is None
    assert cache.get(("www.example.org", 1, 0), NOW) is None


def test_a_truncated_answer_is_not_remembered() -> None:
    cache = MessageCache()
    data = bytearray(message("www.example.org. 300 A 192.0.2.1"))
    data[2] |= 2
    cache.put(("www.example.org", 1, 0), bytes(data), NOW)
    assert len(cache) == 0


def test_past_its_life_an_answer_is_stale_and_is_given_with_thirty_seconds() -> None:
    """RFC 8767, section 4."""
    cache = MessageCache(stale_seconds=1000)
    cache.put(("www.example.org", 1, 0), message("www.example.org. 60 A 192.0.2.1"), NOW)
    cached = cache.get(("www.example.org", 1, 0), NOW + 500)
    assert cached is not None
    assert not cached.is_fresh(NOW + 500)
    assert ttls(cached.with_aged_ttls(NOW + 500)) == [30]
    assert cache.get(("www.example.org", 1, 0), NOW + 1060) is None


def test_a_failure_does_not_replace_what_can_be_given_stale_and_holds_off_the_next_attempt() -> None:
    cache = MessageCache()
    cache.put(("www.example.org", 1, 0), message("www.example.org. 60 A 192.0.2.1"), NOW)
    cached = cache.put(("www.example.org", 1, 0), message(rcode=2), NOW + 70)
    assert cached is not None
    assert not cached.is_failure
    assert cached.is_awaiting_recheck(NOW + 71)
    assert not cached.is_awaiting_recheck(NOW + 70 + module.RECHECK_SECONDS)
    assert cache.mark_refresh_failed(("www.example.org", 1, 0), NOW + 90) is cached
    assert cached.is_awaiting_recheck(NOW + 91)


def test_a_popular_answer_is_due_shortly_before_it_expires() -> None:
    cache = MessageCache()
    for name in ("popular.example.org", "lonely.example.org", "brief.example.org"):
        ttl = 5 if name.startswith("brief") else 100
        cache.put((name, 1, 0), message(f"{name}. {ttl} A 192.0.2.1", name=name), NOW)
    for _ in range(3):
        popular = cache.get(("popular.example.org", 1, 0), NOW + 1)
        brief = cache.get(("brief.example.org", 1, 0), NOW + 1)
    lonely = cache.get(("lonely.example.org", 1, 0), NOW + 1)
    assert popular is not None
    assert lonely is not None
    assert brief is not None
    assert not popular.needs_prefetch(NOW + 89)
    assert popular.needs_prefetch(NOW + 91)
    assert not lonely.needs_prefetch(NOW + 91)
    assert not brief.needs_prefetch(NOW + 4.9)


def test_memory_is_bounded_and_what_is_asked_for_stays() -> None:
    cache = MessageCache(max_bytes=100_000)
    cache.put(
        ("wanted.example.org", 1, 0),
        message("wanted.example.org. 9999 A 192.0.2.1", name="wanted.example.org"),
        NOW,
    )
    for n in range(5000):
        name = f"n{n}.example.org"
        cache.put((name, 1, 0), message(f"{name}. 9999 A 192.0.2.1", name=name), NOW)
        assert cache.used_bytes <= 100_000
        if n % 50 == 0:
            assert cache.get(("wanted.example.org", 1, 0), NOW) is not None
    assert 100 < len(cache) < 250
    assert cache.get(("n0.example.org", 1, 0), NOW) is None
    assert cache.get(("n4999.example.org", 1, 0), NOW) is not None


def test_a_name_and_its_subdomains_can_be_forgotten() -> None:
    cache = MessageCache()
    for name in ("example.org", "www.example.org", "badexample.org"):
        cache.put((name, 1, 0), message(f"{name}. 300 A 192.0.2.1", name=name), NOW)
    assert cache.flush_name("example.org") == 2
    assert cache.get(("badexample.org", 1, 0), NOW) is not None
    assert cache.flush_name("") == 1
    assert cache.used_bytes == 0


@given(st.binary(max_size=80), st.integers(0, 200))
def test_no_bytes_whatever_do_harm(noise: bytes, at: int) -> None:
    cache = MessageCache()
    good = message("www.example.org. 300 A 192.0.2.1", authority=SOA.format(ttl=300, minimum=60))
    for data in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        cached = cache.put(("www.example.org", 1, 0), data, NOW)
        if cached is not None:
            assert len(cached.with_aged_ttls(NOW + 10)) <= len(data)
        assert cache.used_bytes >= 0
    cache.flush_name("")
    assert cache.used_bytes == 0
