"""SipHash-2-4 with 128 bits of output, from the paper and its reference vectors, and the uniform numbers that
a longsync server derives from it."""

import hashlib
import struct

MASK = (1 << 64) - 1


def rotated(word, bits):
    return ((word << bits) | (word >> (64 - bits))) & MASK


def rounds(count, v0, v1, v2, v3):
    for _ in range(count):
        v0 = (v0 + v1) & MASK
        v1 = rotated(v1, 13) ^ v0
        v0 = rotated(v0, 32)
        v2 = (v2 + v3) & MASK
        v3 = rotated(v3, 16) ^ v2
        v0 = (v0 + v3) & MASK
        v3 = rotated(v3, 21) ^ v0
        v2 = (v2 + v1) & MASK
        v1 = rotated(v1, 17) ^ v2
        v2 = rotated(v2, 32)
    return v0, v1, v2, v3


def siphash_2_4_128(k0, k1, data):
    """The two halves of the output; the first is its first eight bytes, read as little endian."""
    # The published constants spell "somepseudorandomlygeneratedbytes"; 0xee selects the long output.
    v0, v1, v2, v3 = (
        k0 ^ 0x736F6D6570736575,
        k1 ^ 0x646F72616E646F6D ^ 0xEE,
        k0 ^ 0x6C7967656E657261,
        k1 ^ 0x7465646279746573,
    )
    # The last word contains the rest of the data, and the lowest byte of the length at its top.
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v0, v1, v2, v3 = rounds(2, v0, v1, v2, v3 ^ word)
        v0 ^= word
    v0, v1, v2, v3 = rounds(4, v0, v1, v2 ^ 0xEE, v3)
    first = v0 ^ v1 ^ v2 ^ v3
    v0, v1, v2, v3 = rounds(4, v0, v1 ^ 0xDD, v2, v3)
    return first, v0 ^ v1 ^ v2 ^ v3


def unit(half):
    """Half of an output as a number strictly between 0 and 1. Exact in binary64."""
    return ((half >> 12) + 0.5) / 2.0**52


def unnamed(connection, request):
    """The name of a call without a call id."""
    return struct.pack("<BQQ", 0, connection, request)


def uniforms_of(seed, name, attempt, index, rule=b""):
    """The two numbers with which a call's delay and its fault are drawn; `name` is the call's, in bytes."""
    hashed = struct.pack("<I", len(rule)) + rule + struct.pack("<I", len(name)) + name
    # k1 is 0: this is the draw of a call or message, not that of a rule's share or of Envoy.
    halves = siphash_2_4_128(seed, 0, hashed + struct.pack("<IQ", attempt, index))
    return unit(halves[0]), unit(halves[1])


# The output for the key 00 01 .. 0f and the data 00 01 .., as published by the authors, by length.
PUBLISHED = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    7: "a1f1ebbed8dbc153c0b84aa61ff08239",
    8: "3b62a9ba6258f5610f83e264f31497b4",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
    63: "5150d1772f50834a503e069a973fbd7c",
}
# SHA-256 of all 64 published outputs, one after the other.
ALL_PUBLISHED = "ecfaa9fe47ff788fa834a9863ea2715a2880cd37d2b8c3c194402838428119b9"


def check():
    """Asserts the published values of the hash, and that u is neither 0 nor 1."""
    k0, k1 = struct.unpack("<QQ", bytes(range(16)))
    outputs = [struct.pack("<QQ", *siphash_2_4_128(k0, k1, bytes(range(n)))) for n in range(64)]
    for length, published in PUBLISHED.items():
        found = outputs[length].hex()
        assert found == published, f"the hash of {length} bytes is {found} instead of {published}"
    assert hashlib.sha256(b"".join(outputs)).hexdigest() == ALL_PUBLISHED, "a published output differs"
    assert unit(0) == 2.0**-53 and unit(MASK) == 1 - 2.0**-53, "u is not strictly between 0 and 1"
    assert len(unnamed(0, 0)) == 17, "the name of a call without a call id is not 17 bytes long"
