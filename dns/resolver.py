"""Answers questions: the pipeline (`dns.pipeline.stages`), and what surrounds it: who asks, what is kept, counted.

`Resolver.handle_stream_query` is where listeners of connections come in, `Resolver.handle_query` where the UDP
listener does, after its fast path had no cached response. Both are synchronous and call back exactly once, now or
later, or never where silence is deserved. Nothing that a packet holds can raise out of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from dns.clients import Client, Clients
from dns.message import builder, edns
from dns.message.constants import EdnsOption, ExtendedErrorCode, Rcode
from dns.message.cookies import ServerCookies
from dns.message.header import TC
from dns.message.response import Response
from dns.packet_cache import CachedResponse, PacketCache
from dns.pipeline.context import RequestContext, Transport
from dns.pipeline.forward import Forwarder
from dns.pipeline.pipeline import Pipeline
from dns.pipeline.stages import ordered_stages
from dns.policy.verdict import Policy
from dns.querylog.records import LogEntry
from dns.resolver_config import ResolverConfig

PADDING_BLOCK: Final = 468  # bytes; answers over encrypted transports to those who pad (RFC 8467, section 4.1)
# The device under which answers to unknown clients are counted: of them nothing is kept.
UNKNOWN_CLIENTS: Final = ""

_ENCRYPTED: Final = frozenset({"tls", "https"})


class Resolver:
    """One worker's resolver."""

    def __init__(self, config: ResolverConfig) -> None:
        self.clock = config.clock
        self.packet_cache = PacketCache()
        self.clients = Clients(config.networks, config.rate_limit, config.policy, self.packet_cache, config.usage)
        self.cache = config.cache
        self.policy = config.policy
        self._query_log = config.query_log
        self._cookies = ServerCookies(config.cookie_secret)
        self.replayed_count = 0  # answers of the packet cache, since the start
        self.on_next_query: Callable[[], None] | None = None  # called once, before the next question is answered
        self.mistakes = 0  # questions that a mistake of ours, or damage, kept from their answers
        self._next_policy_change = 0.0  # when the policy next changes by time alone
        self._policy_change_known_until = 0.0
        self._pipeline = Pipeline(self._respond, self._respond_servfail)
        self._forwarder = forwarder = Forwarder(
            self._pipeline,
            config.cache,
            config.upstream,
            config.clock,
            config.call_later,
            local=config.local_zones,
        )
        order = partial(ordered_stages, config.local_zones, config.page_addresses, config.cache, forwarder)
        self._stages, self._held_stages = order(), order(is_held=True)
        self._pipeline.set_stages(self._stages)
        forwarder.set_resume_position()

    def handle_stream_query(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        """Take a question that came over a connection. `send` is called at most once, with the whole message."""
        if self.on_next_query is not None:
            self.announce_query()
        self.handle_query(
            packet, self.clients.lookup_client_by_text(client_address), send, transport, self.clock()
        )

    def announce_query(self) -> None:
        """Tell whoever waits for a question that there is one. Who calls this looks first whether anybody does."""
        announce, self.on_next_query = self.on_next_query, None
        if announce is not None:
            announce()

    def is_client_allowed(self, client_address: str) -> bool:
        """Tell whether somebody may ask at all."""
        return self.clients.lookup_client_by_text(client_address) is not None

    def handle_query(
        self,
        packet: bytes,
        client: Client | None,
        send: Callable[[bytes], None],
        transport: Transport,
        now: float,
    ) -> None:
        """Send a question along the pipeline."""
        self._pipeline.run_stages(RequestContext(packet, client, send, transport, now, now))

    @property
    def pending_count(self) -> int:
        """How many questions wait for an upstream's answer."""
        return self._forwarder.pending_count

    @property
    def forwarded_count(self) -> int:
        """How many questions had to be put to an upstream, or waited for the answer to one like them."""
        return self._forwarder.forwarded_count

    def replace_policy(self, policy: Policy) -> None:
        """Follow another policy from the next question on."""
        self.packet_cache.begin_policy_change(policy.names_changed_since(self.policy))
        self.clients.replace_policy(policy)
        self.packet_cache.end_policy_change()
        self._pipeline.set_stages(self._stages)
        self.policy = policy
        self._policy_change_known_until = 0.0

    def hold(self) -> None:
        """Fail whatever needs a decision until the next `replace_policy`.

        Nobody knows what the lists hold just now.
        """
        self._pipeline.set_stages(self._held_stages)

    def handle_clock_jump(self) -> None:
        """Forget whatever depends on how long ago something was: the clock has jumped."""
        self.packet_cache.clear()
        self.cache.flush_name("")
        self._policy_change_known_until = 0.0

    def handle_upstream_recovery(self) -> None:
        """Ask again for what failed: an upstream that was down is well again."""
        self.cache.forget_failures(self.clock())

    def tick(self, now: float, seconds: float) -> bool:
        """Count what was answered, fill the devices' buckets for the time since the last tick, see who is who.

        Tell whether any device was answered since.
        """
        rate, usage = self.clients.rate, self.clients.usage
        was_asked = False
        for client in self.clients:
            if client.log or client.timed or client.blocked:
                self.collect_client_log(client)
                was_asked = True
            else:
                client.idle_ticks += 1
            client.refill_buckets(rate, seconds, usage)
        self.clients.refresh_views()
        self._query_log.tick(now)
        return was_asked

    def collect_client_log(self, client: Client) -> None:
        """Count what a device was answered: at the tick, or before it where its log has become long."""
        replayed = self._query_log.collect_client_log(client)
        self.replayed_count += replayed
        client.allowance -= replayed
        client.idle_ticks = 0

    def _respond(self, context: RequestContext, response: Response) -> None:
        query, client, is_udp = context.query, context.client, context.transport == "udp"
        options = b""
        cookie = query.edns.cookie if query.edns is not None else None
        if cookie is not None and client is not None:
            options = self._cookies.build_option(cookie, client.raw_address, context.now)
        if is_udp:
            message = builder.build_message(query, response, None, options)
        else:
            if query.edns is not None and query.edns.has_padding and context.transport in _ENCRYPTED:
                options += _padding_option(
                    len(builder.build_message(query, response, builder.STREAM_BYTES, options))
                )
            message = builder.build_message(query, response, builder.STREAM_BYTES, options)
        log_entry = _log_entry(context, response)
        milliseconds = (context.now - context.started_at) * 1000.0
        if client is None:
            self._query_log.count_answer(UNKNOWN_CLIENTS, log_entry, milliseconds)
        else:
            (client.blocked if response.outcome == "refused" else client.timed).append((log_entry, milliseconds))
            # Most names are asked for once. What is asked for again, and was remembered, is worth keeping ready.
            if (
                not context.was_forwarded
                and is_udp
                and response.is_cacheable
                and cookie is None
                and not message[2] & TC
            ):
                self._store_response(context, response, client, message[2:], log_entry)
        context.send(message)

    def _store_response(
        self, context: RequestContext, response: Response, client: Client, body: bytes, log_entry: LogEntry
    ) -> None:
        now = context.now
        if now >= self._policy_change_known_until:
            turn = self.policy.next_change(now)
            self._next_policy_change = self._policy_change_known_until = float("inf") if turn is None else turn
        until = min(response.expires_at, self._next_policy_change)
        if context.cached is not None:
            until = min(until, context.cached.prefetch_at)
        if until <= now:
            return
        cached_response = CachedResponse(
            body,
            log_entry,
            (context.query.name, *context.dependent_names),
            expires_at=until,
            ttl_offsets=tuple([at - 2 for at in response.ttl_offsets]),
            stored_at=response.stored_at,
            now=now,
            cached=context.cached,
            is_block=response.outcome == "refused",
        )
        self.packet_cache.store_response(client.view, context.packet[2:], cached_response)
        if response.outcome == "refused":
            self._query_log.note_replayed_block(log_entry)

    def _respond_servfail(self, context: RequestContext) -> None:
        """Answer SERVFAIL where a mistake of ours kept a question from its answer."""
        self.mistakes += 1
        if not context.is_parsed:
            return
        self._respond(context, builder.build_error_response(Rcode.SERVFAIL, (ExtendedErrorCode.OTHER, "")))


def _padding_option(size: int) -> bytes:
    """Return the option that fills a message of `size` bytes up to a multiple of PADDING_BLOCK (RFC 7830)."""
    return edns.encode_option(EdnsOption.PADDING, bytes(-(size + 4) % PADDING_BLOCK))


def _log_entry(context: RequestContext, response: Response) -> LogEntry:
    query, client, verdict = context.query, context.client, response.verdict or context.verdict
    if client is None:
        return LogEntry("", "", 0, response.outcome, rcode=response.rcode)
    if response.is_truncated:
        return LogEntry(client.view.group, "", 0, response.outcome, rcode=response.rcode)
    if verdict is None:
        return LogEntry(client.view.group, query.name, query.qtype, response.outcome, rcode=response.rcode)
    return LogEntry(
        client.view.group,
        query.name,
        query.qtype,
        response.outcome,
        verdict.step._value_,  # the plain attribute: `value` is a detour that costs as much as all of this
        verdict.category,
        verdict.source,
        verdict.entry,
        response.rcode,
    )
