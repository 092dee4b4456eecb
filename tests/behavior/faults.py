"""The faults of a behavior: a clause and its canonical text, and which clause hits a call. The parser hands
over the parts of a clause as they are printed."""

from dataclasses import dataclass
from fractions import Fraction

from laws import Refused

# The codes of gRPC and of RFC 9113, section 7; a code's number is its place.
GRPC_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
H2_CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip
KINDS = ("fail", "reset", "hang", "goaway", "drop", "slow", "late_trailers", "fail_first")
# In the order in which they are printed.
OPTIONS = ("when", "at", "retry_info", "pushback")
# Left out of the canonical text.
DEFAULT_MESSAGE = "planned by longsync"
DEFAULT_RESET = "INTERNAL_ERROR"
DEFAULT_OPTIONS = ("when=after", "at=0")
# The faults that hit a single message of an Exchange; all others hit the entire call.
OF_MESSAGES = ("fail", "fail_first", "hang")

TIME_UNITS = {"d": 86400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
RATE_UNITS = {"GiB/s": 2**30, "MiB/s": 2**20, "KiB/s": 2**10, "B/s": 1}
MOST_DECIMALS = 3
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def decimal(value):
    """A fraction in as few digits as it takes. It must have a finite number of decimals."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def in_one_unit(value, units):
    """In the largest unit of which there is at least one and that takes at most three decimals, else in the
    smallest one."""
    for unit, size in units.items():
        count = Fraction(value) / size
        if count >= 1 and (count * 10**MOST_DECIMALS).denominator == 1:
            return decimal(count) + unit
    return decimal(value) + unit


def duration_text(ns):
    return in_one_unit(ns, TIME_UNITS) if ns else "0s"


def rate_text(bytes_each_second):
    return in_one_unit(bytes_each_second, RATE_UNITS)


def string_text(message):
    """Quoted, with everything but visible ASCII and blanks escaped."""
    escaped = (
        ESCAPES.get(char) or (char if " " <= char <= "~" else f"\\u{{{ord(char):x}}}") for char in message
    )
    return '"' + "".join(escaped) + '"'


@dataclass(frozen=True, slots=True)
class Clause:
    """One fault. `share` is an exact fraction, or None for `rest`; a `fail_first` has the number of its
    attempts instead. `parts` are its further arguments as they are printed."""

    kind: str
    share: Fraction | None
    attempts: int | None
    parts: tuple

    def __str__(self):
        """The canonical text."""
        if self.attempts is not None:
            first = str(self.attempts)
        else:
            first = "rest" if self.share is None else decimal(self.share * 100) + "%"
        return f"{self.kind}({', '.join((first, *self.parts))})"


class Faults:
    """All faults of a behavior, in written order."""

    def __init__(self, clauses):
        self.first = [clause for clause in clauses if clause.attempts is not None]
        self.partition = [clause for clause in clauses if clause.attempts is None]
        shares = [clause.share for clause in self.partition]
        self.left = 1 - sum(share for share in shares if share is not None)
        if self.left < 0 or shares.count(None) > 1 or (None in shares and self.left == 0):
            raise Refused("the shares must sum to at most 100 %, with rest at most once and something left for it")

    def drawn(self, u):
        """The clause into whose share u falls, or None."""
        whole, before = Fraction(u), Fraction(0)
        for clause in self.partition:
            before += self.left if clause.share is None else clause.share
            if whole < before:
                return clause
        return None

    def hit(self, u, attempt, index):
        """The clause that hits a message, or None. u is the message's, and attempts count from 1.

        Only messages of an Exchange have an index above 0 here: the fault of a Stream or Collect is drawn at
        index 0. Those messages have no fault if they fall into the share of one that hits the entire call."""
        for clause in self.first:
            if attempt <= clause.attempts:
                return clause
        clause = self.drawn(u)
        return None if clause and index and clause.kind not in OF_MESSAGES else clause
