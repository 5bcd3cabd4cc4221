"""What tunnel detection goes by, what it takes of a name, and what it says (`dns.policy.tunnel` does it).

Never compiled, like every module that defines a struct (docs/adr/0023-the-hot-path-is-compiled.md).
"""

import msgspec

_NAMED_PARENTS = 5  # of many, in the evidence


class Payload(msgspec.Struct, frozen=True, gc=False):
    """What stands in a name before its registrable domain."""

    parent: str
    mark: int  # two payloads with the same mark are the same
    octets: int  # dots left out
    bits: float  # that it could carry
    is_reverse: bool = False  # it stands in a reverse zone


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From where on the new names of a window, each with its bits, look like carried data. Lines are alternatives.

    A name below the bits of a line does not count for that line, one below `tiny_bits` for none. `names` must be
    there for every line.
    """

    names: int = 20
    # Names of a few letters, so many that neither a monitor nor a mail server needs them:
    tiny_bits: float = 18.0  # seven letters
    tiny_names: int = 1000
    # Short names, so many and so new that no page needs them:
    short_bits: float = 36.0  # twelve letters
    short_names: int = 400
    # Long names, which pages need now and then (advert frames have 64 hexadecimal digits):
    long_bits: float = 100.0
    long_sum: float = 40000.0  # 5 kB
    # Names longer than those:
    vast_bits: float = 300.0
    vast_sum: float = 15000.0
    # Roomy types:
    roomy_bits: float = 30.0
    roomy_sum: float = 2800.0


class TunnelFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A device whose questions under one registrable domain look like carried data."""

    device: str
    parent: str
    first: float  # Unix seconds: the first question of the window
    questions: int
    distinct: int  # new names that could carry something
    payload_bytes: int  # octets of their payloads
    mean_length: float  # octets
    entropy: float  # bits an octet
    roomy_share: float  # of these names
    others: tuple[str, ...] = ()  # further domains over which the data are spread

    @property
    def parents(self) -> tuple[str, ...]:
        """Every domain under which data are carried, the one with the most first."""
        return (self.parent, *self.others)

    def evidence(self) -> tuple[str, ...]:
        """Return what was seen, for the incident."""
        under = self.parent
        if self.others:
            under = f"{len(self.parents)} domains: {', '.join(self.parents[:_NAMED_PARENTS])}"
            under += ", …" if len(self.parents) > _NAMED_PARENTS else ""
        return (
            f"{self.questions} questions for {self.distinct} different names under {under}",
            f"{self.payload_bytes} letters before it, {self.mean_length:.0f} in a name",
            f"{self.entropy:.1f} bits of entropy in a letter, {self.roomy_share:.0%} asked for types with room",
        )
