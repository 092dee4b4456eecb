"""The language's grammar: text in, a law and faults out. Replays are refused; a queue and a stall are skipped."""

import re
from fractions import Fraction
from typing import NamedTuple

import faults
import laws
from faults import Clause, Faults
from laws import Attempts, Mix, Refused, Shape

HOUR = 3600 * 10**9
UNITS = {
    "d": 24 * HOUR,
    "h": HOUR,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "µs": 10**3,
    "ns": 1,
}
NUMBER = r"[0-9]+(?:\.[0-9]+)?"
TOKEN = re.compile(
    rf"[ \t\n]*(?:(?P<rate>{NUMBER}(?:B|KiB|MiB|GiB)/s)"
    r'|"(?P<string>(?:[^"\\]|\\["\\nrt]|\\u\{[0-9a-fA-F]{1,6}\})*)"'
    rf"|(?P<part>{NUMBER}(?:ns|us|µs|ms|s|m|h|d)(?![a-z_]))"
    rf"|(?P<percent>{NUMBER})%"
    rf"|(?P<key>p{NUMBER}(?=[ \t\n]*=))"
    rf"|(?P<number>{NUMBER}(?![a-zA-Z_.]))"
    r"|(?P<code>[A-Z][a-zA-Z0-9_]*|http_1_1_required(?![a-z0-9_]))"
    r"|(?P<word>[a-z][a-z_]*)"
    r"|(?P<mark>[(),;:=])"
    r"|(?P<end>\Z)"
    r"|(?P<wrong>.))",
    re.DOTALL,
)
RATE = re.compile(rf"({NUMBER})(\D+)")
ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(.))")
CONTROLS = {"n": "\n", "r": "\r", "t": "\t"}
# The limits of a text: its length in bytes, its clauses, how deeply `mix` and `attempts` may be nested, and the
# length of a message in bytes.
MOST_BYTES = 4096
MOST_CLAUSES = 64
DEEPEST = 4
LONGEST_MESSAGE = 1024


class Behavior(NamedTuple):
    """What a text says: the law of its delay, and its faults."""

    law: object
    faults: Faults


def tokens_of(text):
    found, place = [], 0
    while not found or found[-1][0] != "end":
        token = TOKEN.match(text, place)
        kind, place = token.lastgroup, token.end()
        if kind == "wrong":
            raise Refused(f"column {token.start('wrong') + 1}: {token['wrong']!r} is not allowed here")
        found.append((kind, token[kind], token.start(kind) + 1))
    return found


class Parser:
    """Parses tokens into laws and faults. `limit` is the server's delay limit in ns."""

    def __init__(self, text, limit):
        if len(text.encode()) > MOST_BYTES:
            raise Refused(f"the text is longer than {MOST_BYTES} bytes")
        self.depth = 0
        self.tokens = tokens_of(text)
        self.limit = limit

    def refuse(self, what):
        _, value, column = self.tokens[0]
        raise Refused(f"column {column}: expected {what}, found {value or 'the end'}")

    def next_is(self, kind, *values):
        return self.tokens[0][0] == kind and (not values or self.tokens[0][1] in values)

    def take(self, kind, *values, what=None):
        if not self.next_is(kind, *values):
            self.refuse(what or " or ".join(values) or f"a {kind}")
        return self.tokens.pop(0)[1]

    def took(self, kind, *values):
        return self.next_is(kind, *values) and self.take(kind, *values) is not None

    def behavior(self):
        """The text's law and faults; without a delay, the law is a constant of 0 s."""
        build, skipped, clauses = None, [], []
        while True:
            if self.next_is("word", "queue", "stall"):
                skipped.append(self.skip())
            elif self.next_is("word", *faults.KINDS):
                clauses.append(self.fault())
            elif build is None:
                build = self.delay()
            else:
                self.refuse("at most one delay, faults, a queue and a stall")
            if len(skipped) > len(set(skipped)):
                self.refuse(f"at most one {skipped[-1]}")
            if (build is not None) + len(skipped) + len(clauses) > MOST_CLAUSES:
                self.refuse(f"at most {MOST_CLAUSES} clauses")
            if self.took("end") or (self.take("mark", ";") and self.took("end")):
                return Behavior(build(None) if build else Shape(laws.constant(0), 0), Faults(clauses))

    def skip(self):
        """Skips a clause that draws nothing, and returns its name."""
        name = self.take("word")
        self.take("mark", "(")
        while not self.took("mark", ")"):
            if self.next_is("end"):
                self.refuse(f"the {name}'s )")
            self.tokens.pop(0)
        return name

    def duration(self):
        """In whole ns."""
        if self.next_is("number", "0"):
            return int(self.take("number"))
        total, largest = Fraction(0), None
        while largest is None or self.next_is("part"):
            part = self.take("part", what="a duration")
            number, unit = re.fullmatch(rf"({NUMBER})(\D+)", part).groups()
            if largest is not None and UNITS[unit] >= largest:
                self.refuse("units in descending order")
            largest = UNITS[unit]
            total += Fraction(number) * largest
        if total.denominator != 1:
            self.refuse("a duration of whole ns before this")
        return int(total)

    def above_zero(self, value):
        return value if value > 0 else self.refuse("a value above zero before this")

    def delay(self):
        """Parses a delay. The result builds the law, given the `max` of the enclosing text."""
        if not self.next_is("word"):
            return self.bounded(laws.constant, [self.duration()], None)
        name = self.take("word")
        read = getattr(self, f"read_{name}", None)
        if read is None:
            raise Refused(f"{name} is not a delay")
        self.take("mark", "(")
        build = read()
        self.take("mark", ")")
        if not self.next_is("word", "max"):
            return build
        if name in ("constant", "uniform"):
            self.refuse(f"no max after {name}")
        self.take("word")
        own = self.above_zero(self.duration())
        if own > self.limit:
            self.refuse(f"a max of at most the server's limit, {self.limit} ns, before this")
        return lambda given: build(own)

    def bounded(self, law, arguments, durations):
        """A shape that takes the upper end as its last argument, or none if `durations` is None."""

        def build(given):
            top = self.limit if given is None else given
            if any(duration > top for duration in (arguments if durations is None else durations)):
                raise Refused(f"a duration is above the largest delay, {top} ns")
            return Shape(law(*arguments) if durations is None else law(*arguments, top), top)

        return build

    def listed(self, read):
        """One or more, separated by commas."""
        found = [read()]
        while self.took("mark", ","):
            found.append(read())
        return found

    def nested(self, read):
        """The same for a form that contains delays."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"mix and attempts nested at most {DEEPEST} deep")
        found = self.listed(read)
        self.depth -= 1
        return found

    def read_constant(self):
        return self.bounded(laws.constant, [self.duration()], None)

    def read_uniform(self):
        low = self.duration()
        self.take("mark", ",")
        high = self.duration()
        if low >= high:
            self.refuse("a second duration above the first")
        return self.bounded(laws.uniform, [low, high], None)

    def read_normal(self):
        mean = self.above_zero(self.duration())
        self.take("mark", ",")
        sd = self.above_zero(self.duration())
        return self.bounded(laws.normal, [mean, sd], [mean, sd])

    def read_exponential(self):
        mean = self.above_zero(self.duration())
        return self.bounded(laws.exponential, [mean], [mean])

    def read_pareto(self):
        scale = self.above_zero(self.duration())
        self.take("mark", ",")
        shape = self.above_zero(float(self.take("number")))
        return self.bounded(laws.pareto, [scale, shape], [scale])

    def point(self, kinds):
        """A percentile as an exact share, and its delay."""
        if not any(self.next_is(kind) for kind in kinds):
            self.refuse("a percentile such as p50")
        share = Fraction(self.tokens.pop(0)[1].removeprefix("p")) / 100
        self.take("mark", "=")
        return share, self.above_zero(self.duration())

    def read_lognormal(self):
        first = self.point(["key"])
        self.take("mark", ",")
        if self.took("word", "sigma"):
            self.take("mark", "=")
            sigma = self.above_zero(float(self.take("number")))
            if first[0] != Fraction(1, 2):
                self.refuse("the median, p50, together with sigma")
            return self.bounded(laws.lognormal_of_median, [first[1], sigma], [first[1]])
        lower, upper = sorted([first, self.point(["key"])])
        if not 0 < lower[0] < upper[0] < 1 or lower[1] >= upper[1]:
            self.refuse("two percentiles between 0 and 100 whose delays rise")
        return self.bounded(laws.lognormal_of_percentiles, [lower, upper], [lower[1], upper[1]])

    def read_percentiles(self):
        points = sorted(self.listed(lambda: self.point(["key", "number"])))
        shares = [share for share, _ in points]
        delays = [delay for _, delay in points]
        inner = [point for point in points if 0 < point[0] < 1]
        if len(set(shares)) < len(shares) or shares[-1] > 1 or delays != sorted(delays) or len(inner) < 2:
            self.refuse("at least two percentiles between 0 and 100, each once, whose delays do not fall")
        end = delays[-1] if shares[-1] == 1 else None
        if end is not None and inner[-1][1] == inner[-2][1]:
            self.refuse("no 100= after two equal delays")
        start = points[0] if shares[0] == 0 else (Fraction(0), inner[0][1] / 2)

        def build(given):
            ends = [end, given] if end or given else [10 * inner[-1][1]]
            top = min(bound for bound in [self.limit, *ends] if bound is not None)
            return self.bounded(laws.percentiles, [[start, *inner]], delays)(top)

        return build

    def share(self):
        """An exact fraction, or None for `rest`."""
        if self.took("word", "rest"):
            return None
        written = self.take("percent", what="a share such as 5% or rest")
        if len(written.partition(".")[2]) > 6:
            self.refuse("at most 6 decimals before this")
        return Fraction(written) / 100

    def part(self):
        share = self.share()
        self.take("mark", ":")
        return share, self.delay()

    def read_mix(self):
        parts = self.nested(self.part)
        left = 1 - sum(share for share, _ in parts if share is not None)
        rests = [share for share, _ in parts].count(None)
        if (left <= 0 if rests == 1 else rests or left):
            self.refuse("shares that sum to 100 %, with rest at most once and something left for it")
        return lambda given: Mix(
            [(left if share is None else share, build(given)) for share, build in parts]
        )

    def read_attempts(self):
        builds = self.nested(self.delay)
        return lambda given: Attempts([build(given) for build in builds])

    def fault(self):
        """A fault with its parentheses."""
        kind = self.take("word")
        self.take("mark", "(")
        attempts = self.whole() if kind == "fail_first" else None
        share = self.share() if attempts is None else None
        parts = tuple(getattr(self, f"parts_of_{kind}")())
        self.take("mark", ")")
        return Clause(kind, share, attempts, parts)

    def whole(self):
        if not self.next_is("number") or "." in self.tokens[0][1]:
            self.refuse("a whole number")
        return int(self.take("number"))

    def took_comma(self, *kinds):
        """Takes a comma if a token of one of these kinds follows it, but not an option's name."""
        kind, value, _ = self.tokens[min(1, len(self.tokens) - 1)]
        is_option = kind == "word" and value in faults.OPTIONS
        return kind in kinds and not is_option and self.took("mark", ",")

    def code(self, names, numbers):
        """A code as it is printed: its name, whether its name or its number was written."""
        if self.next_is("number"):
            number = self.tokens[0][1]
            if not number.isdecimal() or int(number) not in numbers:
                self.refuse("the number of a code")
            number = self.whole()
            return names[number] if number < len(names) else str(number)
        name = self.tokens[0][1].upper()
        if name not in names or names.index(name) not in numbers:
            self.refuse("a code")
        self.tokens.pop(0)
        return name

    def string(self):
        column = self.tokens[0][2]
        try:
            message = ESCAPE.sub(
                lambda found: chr(int(found[1], 16)) if found[1] else CONTROLS.get(found[2], found[2]),
                self.take("string"),
            )
            length = len(message.encode())
        except ValueError:
            raise Refused(f"column {column}: expected characters of Unicode") from None
        if length > LONGEST_MESSAGE:
            raise Refused(f"column {column}: expected at most {LONGEST_MESSAGE} bytes")
        return message

    def options(self, *names):
        """The options among these, as they are printed; defaults are left out."""
        found = {}
        while self.took("mark", ","):
            if not self.next_is("word", *names) or self.tokens[0][1] in found:
                self.refuse(f"one of {', '.join(names)}, each at most once")
            name = self.take("word")
            self.take("mark", "=")
            found[name] = f"{name}={self.option(name)}"
        return [found[name] for name in names if name in found and found[name] not in faults.DEFAULT_OPTIONS]

    def option(self, name):
        if name == "when":
            return self.take("word", "before", "after")
        if name == "at":
            return self.whole()
        if name == "pushback" and self.took("word", "never"):
            return "never"
        return faults.duration_text(self.duration())

    def parts_of_fail(self):
        self.take("mark", ",")
        # An HTTP status is kept as it is.
        yield self.code(faults.GRPC_CODES, {*range(1, 17), *range(400, 600)})
        if self.took_comma("string"):
            message = self.string()
            if message != faults.DEFAULT_MESSAGE:
                yield faults.string_text(message)
        yield from self.options(*faults.OPTIONS)

    parts_of_fail_first = parts_of_fail

    def parts_of_reset(self):
        if self.took_comma("word", "code", "number"):
            code = self.code(faults.H2_CODES, range(14))
            if code != faults.DEFAULT_RESET:
                yield code
        yield from self.options("when", "at")

    def parts_of_hang(self):
        return self.options("when", "at")

    def parts_of_goaway(self):
        if self.took_comma("word", "code", "number"):
            yield self.code(faults.H2_CODES, range(14))
            yield from self.options("when", "at")

    def parts_of_drop(self):
        if self.took_comma("word"):
            yield self.take("word", "rst")
        yield from self.options("when", "at")

    def parts_of_slow(self):
        self.take("mark", ",")
        number, unit = RATE.fullmatch(self.take("rate", what="a rate such as 64KiB/s")).groups()
        yield faults.rate_text(self.above_zero(Fraction(number) * faults.RATE_UNITS[unit]))

    def parts_of_late_trailers(self):
        self.take("mark", ",")
        yield faults.duration_text(self.duration())


def behavior_of(text, limit=HOUR):
    """The law of a behavior's delay, and its faults.

    Raises `Refused` if the text is not part of this grammar."""
    return Parser(text, limit).behavior()


def law_of(text, limit=HOUR):
    """The law of a behavior's delay; raises `Refused` as above."""
    return behavior_of(text, limit).law


def faults_of(text, limit=HOUR):
    """A behavior's faults; raises `Refused` as above."""
    return behavior_of(text, limit).faults
