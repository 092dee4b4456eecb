"""As much of protobuf as the calls need, so that no generated code is involved in the check of a server.
Field numbers are those of proto/longsync/v1/longsync.proto."""

from dataclasses import dataclass

CALL_ID, ID, COUNT = 6, 7, 8
TIMING, ANSWER_ID, INDEX = 2, 7, 9
RECEIVED, PLANNED, WAITED, QUEUED, BEHAVIOR, WORKER, ATTEMPT = 1, 2, 3, 4, 6, 10, 11
FAILURE = 11
# Those of google.rpc.Status and google.protobuf.Any.
DETAILS, ANY_VALUE = 3, 2
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def request(call_id=None, **numbers):
    """A request of any kind; `numbers` contains `id` and `count`."""
    encoded = b""
    if call_id is not None:
        name = call_id.encode()
        encoded = varint(CALL_ID << 3 | BYTES) + varint(len(name)) + name
    for field, number in (("id", ID), ("count", COUNT)):
        if field in numbers:
            encoded += varint(number << 3 | VARINT) + varint(numbers[field])
    return encoded


def fields_of(message):
    """A message's fields by number: integers and bytes. The last value of a repeated field counts."""
    found, place = {}, 0

    def take_varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        number, kind = divmod(take_varint(), 8)
        if kind == VARINT:
            found[number] = take_varint()
            continue
        size = {BYTES: take_varint, FIXED64: lambda: 8, FIXED32: lambda: 4}[kind]()
        found[number] = message[place : place + size]
        place += size
    return found


def duration(encoded):
    """In ns; None if it is unset. A Timestamp has the same fields."""
    if encoded is None:
        return None
    fields = fields_of(encoded)
    return fields.get(1, 0) * 10**9 + fields.get(2, 0)


@dataclass(frozen=True, slots=True)
class Timing:
    """The server's account of a call; durations in ns."""

    planned: int | None
    waited: int | None
    queued: int
    behavior: str
    attempt: int
    worker: int
    received: int | None


def timing(answer):
    """The Timing in an answer's fields."""
    return timing_of(answer.get(TIMING, b""))


def timing_of_status(details):
    """The Timing in the details of a status, a google.rpc.Status: it is the last of its details."""
    return timing_of(fields_of(fields_of(details)[DETAILS])[ANY_VALUE])


def timing_of(encoded):
    fields = fields_of(encoded)
    return Timing(
        duration(fields.get(PLANNED)),
        duration(fields.get(WAITED)),
        duration(fields.get(QUEUED)) or 0,
        fields.get(BEHAVIOR, b"").decode(),
        fields.get(ATTEMPT, 0),
        fields.get(WORKER, 0),
        duration(fields.get(RECEIVED)),
    )
