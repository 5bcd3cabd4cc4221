"""Answers questions: the chain in its order, and what surrounds it: who asks, what is kept, what is counted.

`Resolver.handle` is where listeners of connections come in, `Resolver.ask` where the UDP listener does, after its
fast path had no finished answer. Both are synchronous and call back exactly once, now or later, or never where
silence is deserved. Nothing that a packet holds can raise out of them.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from dns.cache import RecordCache
from dns.clients import Client, Clients
from dns.message import builder, edns
from dns.message.cookies import Cookies
from dns.message.response import Answer
from dns.message.wire import SERVFAIL, TC
from dns.packet_cache import Finished, Noted, Replay
from dns.pipeline.acl import welcome
from dns.pipeline.cache import remembered
from dns.pipeline.context import Asked, Transport
from dns.pipeline.forward import Fetching, Later, Upstream
from dns.pipeline.local_zones import LocalNames, own_names
from dns.pipeline.parse import readable
from dns.pipeline.pipeline import Chain, Outcome, Stage
from dns.pipeline.policy import decided
from dns.pipeline.respond import answered
from dns.pipeline.response_policy import inspected
from dns.pipeline.sanity import ordinary
from dns.policy.verdict import Policy
from dns.querylog.sender import Reporter

PAD_TO = 468  # bytes; answers over encrypted transports to those who pad (RFC 8467, section 4.1)
STRANGERS = ""  # the device under which answers to strangers are counted: of them nothing is kept

_ENCRYPTED = frozenset({"tls", "https"})


def _on_the_loop(seconds: float, what: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, what)


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolver works with."""

    policy: Policy
    upstream: Upstream
    reporter: Reporter
    cache: RecordCache
    local: LocalNames | None = None
    clock: Callable[[], float]
    networks: tuple[str, ...]
    rate_limit: int = 0
    page: Callable[[], Sequence[str]] = tuple
    cookie_secret: bytes = b""
    later: Later = _on_the_loop


class Resolver:
    """One worker's resolver."""

    def __init__(self, with_: Surroundings) -> None:
        self.clock = with_.clock
        self.replay = Replay()
        self.clients = Clients(with_.networks, with_.rate_limit, with_.policy, self.replay)
        self.cache = with_.cache
        self.policy = with_.policy
        self._reporter = with_.reporter
        self._cookies = Cookies(with_.cookie_secret)
        self.mistakes = 0  # questions that a mistake of ours, or damage, kept from their answers
        self._turn = 0.0  # when the policy next changes by time alone
        self._turn_known_until = 0.0
        self._chain = Chain(self._deliver, self._give_up)
        self._fetching = fetching = Fetching(self._chain, with_.cache, with_.upstream, with_.clock, with_.later)
        decision, inspection = decided(with_.page), inspected(with_.page)
        self._stages: tuple[Stage, ...] = (
            # Everything after needs the question; and bytes that are none deserve the least work.
            readable,
            # Before anything that costs: strangers and floods get as little of us as possible.
            welcome,
            # What no later stage could make sense of. After `welcome`, because it answers at length.
            ordinary,
            # The room's own names must work whatever a policy says, and no upstream knows them.
            own_names(with_.local),
            # Before the cache, so that nothing closed is ever asked for, and a memory is no opening.
            decision,
            # Before upstreams: what is known need not be asked for. Shared by all policies, hence after them.
            remembered(with_.cache, fetching),
            # Only what nobody remembers.
            fetching.stage,
            # After both sources, because an alias that was harmless for one view may be closed for another.
            inspection,
            # Last: it always has an answer.
            answered,
        )
        self._held_stages = tuple(_fail if one in {decision, inspection} else one for one in self._stages)
        self._chain.of(self._stages)
        fetching.find_place()

    def handle(
        self, packet: bytes, client_address: str, reply: Callable[[bytes], None], transport: Transport
    ) -> None:
        """Take a question that came over a connection. `reply` is called at most once, with the whole message."""
        self.ask(packet, self.clients.of_text(client_address), reply, transport, self.clock())

    def is_welcome(self, client_address: str) -> bool:
        """Tell whether somebody may ask at all."""
        return self.clients.of_text(client_address) is not None

    def ask(
        self,
        packet: bytes,
        client: Client | None,
        reply: Callable[[bytes], None],
        transport: Transport,
        now: float,
    ) -> None:
        """Send a question along the chain."""
        self._chain.run(Asked(packet, client, reply, transport, now, now))

    @property
    def waiting(self) -> int:
        """How many questions wait for an upstream's answer."""
        return self._fetching.waiting

    def swap(self, policy: Policy) -> None:
        """Follow another policy from the next question on."""
        self.replay.swap(policy.names_changed_since(self.policy))
        self.clients.swap(policy)
        self.replay.settle()
        self._chain.of(self._stages)
        self.policy = policy
        self._turn_known_until = 0.0

    def hold(self) -> None:
        """Fail whatever needs a decision until the next `swap`: nobody knows what the lists hold just now."""
        self._chain.of(self._held_stages)

    def clock_was_set(self) -> None:
        """Forget whatever depends on how long ago something was: the clock has jumped."""
        self.replay.clear()
        self.cache.forget("")
        self._turn_known_until = 0.0

    def tick(self, now: float, seconds: float) -> None:
        """Count what was answered, and fill the devices' buckets for the time since the last tick."""
        rate = self.clients.rate
        for client in self.clients:
            if client.log or client.timed or client.refused:
                self.work_off(client)
            else:
                client.quiet += 1
            client.refill(rate, seconds)
        self._reporter.tick(now)

    def work_off(self, client: Client) -> None:
        """Count what a device was answered: at the tick, or before it where its log has become long."""
        client.allowance -= self._reporter.gather(client)
        client.quiet = 0

    def _deliver(self, asked: Asked, answer: Answer) -> None:
        query, client, is_udp = asked.query, asked.client, asked.transport == "udp"
        options = b""
        cookie = query.edns.cookie if query.edns is not None else None
        if cookie is not None and client is not None:
            options = self._cookies.option(cookie, client.raw, asked.now)
        if is_udp:
            message = builder.message(query, answer, None, options)
        else:
            if query.edns is not None and query.edns.padded and asked.transport in _ENCRYPTED:
                options += _padding(len(builder.message(query, answer, builder.STREAM_BYTES, options)))
            message = builder.message(query, answer, builder.STREAM_BYTES, options)
        noted = _noted(asked, answer)
        milliseconds = (asked.now - asked.started) * 1000.0
        if client is None:
            self._reporter.answered(STRANGERS, noted, milliseconds)
        else:
            (client.refused if answer.outcome == "refused" else client.timed).append((noted, milliseconds))
            # Most names are asked for once. What is asked for again, and was remembered, is worth keeping ready.
            if not asked.waited and is_udp and answer.replayable and cookie is None and not message[2] & TC:
                self._keep(asked, answer, client, message[2:], noted)
        asked.reply(message)

    def _keep(self, asked: Asked, answer: Answer, client: Client, body: bytes, noted: Noted) -> None:
        now = asked.now
        if now >= self._turn_known_until:
            turn = self.policy.next_change(now)
            self._turn = self._turn_known_until = float("inf") if turn is None else turn
        until = min(answer.expires, self._turn)
        if asked.found is not None:
            until = min(until, asked.found.due_at)
        if until <= now:
            return
        finished = Finished(
            body,
            noted,
            (asked.query.name, *asked.names),
            until=until,
            ttls=tuple([at - 2 for at in answer.ttls]),
            stored=answer.stored,
            now=now,
            cached=asked.found,
        )
        self.replay.keep(client.view, asked.packet[2:], finished)
        if answer.outcome == "refused":
            self._reporter.replayed_refusal(noted)

    def _give_up(self, asked: Asked) -> None:
        """Answer SERVFAIL where a mistake of ours kept a question from its answer."""
        self.mistakes += 1
        if not asked.is_read:
            return
        self._deliver(asked, builder.failure(2, (edns.OTHER_ERROR, "")))


def _fail(_asked: Asked) -> Outcome:
    return builder.failure(SERVFAIL, (edns.OTHER_ERROR, "the lists are being looked at"))


def _padding(size: int) -> bytes:
    """Return the option that fills a message of `size` bytes up to the next multiple of PAD_TO (RFC 7830)."""
    return edns.option(edns.PADDING, bytes(-(size + 4) % PAD_TO))


def _noted(asked: Asked, answer: Answer) -> Noted:
    query, client, verdict = asked.query, asked.client, answer.verdict or asked.verdict
    if client is None:
        return Noted("", "", 0, answer.outcome, rcode=answer.rcode)
    if answer.truncated:
        return Noted(client.view.group, "", 0, answer.outcome, rcode=answer.rcode)
    if verdict is None:
        return Noted(client.view.group, query.name, query.qtype, answer.outcome, rcode=answer.rcode)
    return Noted(
        client.view.group,
        query.name,
        query.qtype,
        answer.outcome,
        verdict.step._value_,  # the plain attribute: `value` is a detour that costs as much as all of this
        verdict.category,
        verdict.source,
        verdict.entry,
        answer.rcode,
    )
