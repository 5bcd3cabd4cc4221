"""The numbers of DNS under the names that IANA's registries give them; no other module has a number of its own.

Source: "Domain Name System (DNS) Parameters" (https://www.iana.org/assignments/dns-parameters) and "DNS Service
Bindings (SVCB)" (https://www.iana.org/assignments/dns-svcb); each class names the RFC that made its registry. A
mnemonic that Python cannot spell has underscores where it has hyphens or spaces (`NSAP_PTR`). What a header's bits
and bytes mean stands in `dns.message.header`.

Members are integers, and compare and travel as such. Where something is done for every packet, or for every record
of one, a module binds plain numbers once (``_A = int(RecordType.A)``): in Python 3.11 looking a member up costs
40 ns each time, and finding a number in a set of members takes half as long again as in a set of numbers, which
are found by identity.
"""

import enum


class RecordType(enum.IntEnum):
    """Types of records, and of what may be asked for (RFC 1035, section 3.2.2; RFC 6895, section 3.1)."""

    A = 1
    NS = 2
    MD = 3
    MF = 4
    CNAME = 5
    SOA = 6
    MB = 7
    MG = 8
    MR = 9
    NULL = 10
    WKS = 11
    PTR = 12
    HINFO = 13
    MINFO = 14
    MX = 15
    TXT = 16
    RP = 17
    AFSDB = 18
    X25 = 19
    ISDN = 20
    RT = 21
    NSAP = 22
    NSAP_PTR = 23
    SIG = 24
    KEY = 25
    PX = 26
    GPOS = 27
    AAAA = 28
    LOC = 29
    NXT = 30
    EID = 31
    NIMLOC = 32
    SRV = 33
    ATMA = 34
    NAPTR = 35
    KX = 36
    CERT = 37
    A6 = 38
    DNAME = 39
    SINK = 40
    OPT = 41
    APL = 42
    DS = 43
    SSHFP = 44
    IPSECKEY = 45
    RRSIG = 46
    NSEC = 47
    DNSKEY = 48
    DHCID = 49
    NSEC3 = 50
    NSEC3PARAM = 51
    TLSA = 52
    SMIMEA = 53
    HIP = 55
    NINFO = 56
    RKEY = 57
    TALINK = 58
    CDS = 59
    CDNSKEY = 60
    OPENPGPKEY = 61
    CSYNC = 62
    ZONEMD = 63
    SVCB = 64
    HTTPS = 65
    DSYNC = 66
    SPF = 99
    UINFO = 100
    UID = 101
    GID = 102
    UNSPEC = 103
    NID = 104
    L32 = 105
    L64 = 106
    LP = 107
    EUI48 = 108
    EUI64 = 109
    NXNAME = 128
    TKEY = 249
    TSIG = 250
    IXFR = 251
    AXFR = 252
    MAILB = 253
    MAILA = 254
    ANY = 255  # the registry writes "*"
    URI = 256
    CAA = 257
    AVC = 258
    DOA = 259
    AMTRELAY = 260
    RESINFO = 261
    WALLET = 262
    TA = 32768
    DLV = 32769


class RecordClass(enum.IntEnum):
    """Classes (RFC 1035, section 3.2.4; RFC 6895, section 3.2)."""

    IN = 1
    CH = 3
    HS = 4
    NONE = 254
    ANY = 255


class Opcode(enum.IntEnum):
    """What a message wants to be done (RFC 1035, section 4.1.1; RFC 6895, section 2.2)."""

    QUERY = 0
    IQUERY = 1
    STATUS = 2
    NOTIFY = 4
    UPDATE = 5
    DSO = 6


class Rcode(enum.IntEnum):
    """Response codes (RFC 6895, section 2.3). Those above 15 need an OPT record, for the upper bits."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    DSOTYPENI = 11
    BADVERS = 16
    BADKEY = 17
    BADTIME = 18
    BADMODE = 19
    BADNAME = 20
    BADALG = 21
    BADTRUNC = 22
    BADCOOKIE = 23


def rcode_name(rcode: int) -> str:
    """Return a response code as people know it."""
    try:
        return Rcode(rcode).name
    except ValueError:
        return f"the response code {rcode}"


class EdnsOption(enum.IntEnum):
    """Codes of the options in an OPT record (RFC 6891, section 9)."""

    LLQ = 1
    UL = 2
    NSID = 3
    DAU = 5
    DHU = 6
    N3U = 7
    EDNS_CLIENT_SUBNET = 8
    EDNS_EXPIRE = 9
    COOKIE = 10
    EDNS_TCP_KEEPALIVE = 11
    PADDING = 12
    CHAIN = 13
    EDNS_KEY_TAG = 14
    EXTENDED_DNS_ERROR = 15
    REPORT_CHANNEL = 18
    ZONEVERSION = 19


class ExtendedErrorCode(enum.IntEnum):
    """Info-codes of extended errors (RFC 8914, section 4)."""

    OTHER = 0
    UNSUPPORTED_DNSKEY_ALGORITHM = 1
    UNSUPPORTED_DS_DIGEST_TYPE = 2
    STALE_ANSWER = 3
    FORGED_ANSWER = 4
    DNSSEC_INDETERMINATE = 5
    DNSSEC_BOGUS = 6
    SIGNATURE_EXPIRED = 7
    SIGNATURE_NOT_YET_VALID = 8
    DNSKEY_MISSING = 9
    RRSIGS_MISSING = 10
    NO_ZONE_KEY_BIT_SET = 11
    NSEC_MISSING = 12
    CACHED_ERROR = 13
    NOT_READY = 14
    BLOCKED = 15
    CENSORED = 16
    FILTERED = 17
    PROHIBITED = 18
    STALE_NXDOMAIN_ANSWER = 19
    NOT_AUTHORITATIVE = 20
    NOT_SUPPORTED = 21
    NO_REACHABLE_AUTHORITY = 22
    NETWORK_ERROR = 23
    INVALID_DATA = 24


class SvcParamKey(enum.IntEnum):
    """Keys of the parameters in SVCB and HTTPS records (RFC 9460, section 14.3; RFC 9461: dohpath)."""

    MANDATORY = 0
    ALPN = 1
    NO_DEFAULT_ALPN = 2
    PORT = 3
    IPV4HINT = 4
    ECH = 5
    IPV6HINT = 6
    DOHPATH = 7


MEDIA_TYPE = "application/dns-message"  # of a message over HTTPS (RFC 8484, section 6)


def parse_record_type(text: str) -> int | None:
    """Return the number of a type: a mnemonic, or TYPE and a number (RFC 3597, section 5). None: it is neither."""
    mnemonic = text.strip().upper()
    digits = mnemonic.removeprefix("TYPE")
    if digits != mnemonic and digits.isdecimal() and int(digits) < 0x10000:
        return int(digits)
    found = RecordType.__members__.get(mnemonic.replace("-", "_"))
    return None if found is None else int(found)
