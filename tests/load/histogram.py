"""The compressed form of HdrHistogram (V2 + DEFLATE, base64), read without its libraries.

readers.py compares the format's own readers with the same records.
"""

import base64
import struct
import zlib
from collections import Counter

COMPRESSED, PLAIN = 0x1C849304, 0x1C849303
# The word size in the cookies is not part of the version.
WORD = 0xF0
HEADER = struct.Struct(">iiiiqqd")
# 3 significant digits: 2,048 buckets of equal width; each doubling shares the upper half of them.
HALF = 1024


def decoded(text):
    """The number of values in each bucket, by index."""
    return Counter(dict(filled(payload(text))))


def payload(text):
    raw = base64.b64decode(text, validate=True)
    cookie, length = struct.unpack_from(">ii", raw)
    assert cookie & ~WORD == COMPRESSED & ~WORD and length == len(raw) - 8, "not a compressed histogram"
    plain = zlib.decompress(raw[8:])
    cookie, length, _, digits, lowest, _, _ = HEADER.unpack_from(plain)
    assert cookie & ~WORD == PLAIN & ~WORD and digits == 3 and lowest == 1, "not a histogram of ns with 3 digits"
    return plain[HEADER.size : HEADER.size + length]


def filled(words):
    """(index, count) of each bucket that is not empty."""
    index = position = 0
    while position < len(words):
        number, position = zigzag(words, position)
        if number < 0:
            # This many buckets are empty.
            index -= number
            continue
        if number:
            yield index, number
        index += 1


def zigzag(words, position):
    """A number in 1 to 9 bytes, of which the ninth has 8 bits, and the position after it."""
    value = 0
    for shift in range(0, 63, 7):
        byte = words[position]
        position += 1
        is_last = shift == 56
        value |= (byte if is_last else byte & 0x7F) << shift
        if is_last or byte < 0x80:
            break
    return (value >> 1) ^ -(value & 1), position


def index_of(ns):
    """The bucket of a value."""
    doubling = max(0, ns.bit_length() - 11)
    return doubling * HALF + (ns >> doubling)


def lowest_of(index):
    """The least value of a bucket."""
    doubling = max(0, index // HALF - 1)
    return (index - doubling * HALF) << doubling


def highest_of(index):
    """The greatest value of a bucket, which is reported for a percentile."""
    return lowest_of(index + 1) - 1


def percentile(counts, per_100_000):
    """The percentile as time.md defines it, or None if there are no values."""
    left = -(-sum(counts.values()) * per_100_000 // 100_000)
    for index in sorted(counts):
        left -= counts[index]
        if left <= 0:
            return highest_of(index)
    return None
