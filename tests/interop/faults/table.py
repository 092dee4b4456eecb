"""The tables of docs/faults.md: what each client reports for each fault.

The first has a row per fault and a column per client; the second has the messages that are the client's own.
With LONGSYNC_RENEW=1 a case writes what it found into the page instead of comparing it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/faults.md"
CODES, MESSAGES = "codes", "messages"
# The clients, in the order of the first table's columns.
CLIENTS = ("grpcurl", "grpcio", "grpc-js", "grpc-go", "grpc-java", "curl")


@dataclass(frozen=True)
class Row:
    """A fault, the call to which it is applied, and what each client reports."""

    fault: str
    rpc: str
    reported: dict


def section(text, name):
    """The lines of a table, between its two marks."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    assert start in text and end in text, f"{PAGE.name} has no table {name}"
    return text.partition(start)[2].partition(end)[0]


def cells(line):
    """The cells of a row. No cell has a bar of its own."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def code(cell):
    return cell.strip("`")


def rows():
    """The faults of the first table."""
    head, _, *lines = section(PAGE.read_text(), CODES).strip().splitlines()
    assert tuple(cells(head)) == ("fault", "call", *CLIENTS), head
    found = []
    for line in lines:
        fault, rpc, *reported = cells(line)
        found.append(Row(code(fault), code(rpc), dict(zip(CLIENTS, reported, strict=True))))
    return found


def messages():
    """The message by fault, call and client."""
    _, _, *lines = section(PAGE.read_text(), MESSAGES).strip().splitlines()
    return {tuple(map(code, key)): code(message) for *key, message in map(cells, lines)}


def check(client, found):
    """Compares what the client reported, in the order of the rows: (cell, message or None) for each, or None
    if the client does not make such calls."""
    if os.environ.get("LONGSYNC_RENEW"):
        renew(client, found)
    wrong, said = [], messages()
    for row, seen in zip(rows(), found, strict=True):
        cell, message = seen or ("-", None)
        if row.reported[client] != cell:
            wrong.append(f"{row.fault}: {cell} ({message}) instead of {row.reported[client]}")
        expected = said.get((row.fault, row.rpc, client))
        if expected != message:
            wrong.append(f"{row.fault}: {message!r} instead of {expected!r}")
    assert not wrong, f"{client} differs from {PAGE.name}: " + "; ".join(wrong)


def renew(client, found):
    """Writes what the client reported into the page."""
    text, current, said = PAGE.read_text(), rows(), messages()
    said = {key: message for key, message in said.items() if key[2] != client}
    for row, seen in zip(current, found, strict=True):
        row.reported[client] = seen[0] if seen else "-"
        if seen and seen[1] is not None:
            said[row.fault, row.rpc, client] = seen[1]
    order = {(row.fault, row.rpc): place for place, row in enumerate(current)}
    keys = sorted(
        (key for key in said if key[:2] in order), key=lambda key: (order[key[:2]], CLIENTS.index(key[2]))
    )
    codes = [("fault", "call", *CLIENTS), ["---"] * (2 + len(CLIENTS))]
    codes += [(f"`{row.fault}`", f"`{row.rpc}`", *row.reported.values()) for row in current]
    lines = [("fault", "call", "client", "message"), ["---"] * 4]
    lines += [(*(f"`{part}`" for part in key[:2]), key[2], f"`{said[key]}`") for key in keys]
    for name, table in ((CODES, codes), (MESSAGES, lines)):
        body = "".join(f"| {' | '.join(row)} |\n" for row in table)
        text = text.replace(section(text, name), body)
    PAGE.write_text(text)


def steady(message):
    """A message without what differs from run to run: ports and line breaks."""
    message = re.sub(r"(127\.0\.0\.1|localhost):\d+", "ADDRESS", message)
    return re.sub(r"\s+", " ", message).replace("|", "/").replace("`", "'").strip()


def constant(name):
    """A code as gRPC's constants are written, whatever the client makes of it: `Unavailable`, `UNAVAILABLE`."""
    if name.isupper():
        return name
    return {"Canceled": "CANCELLED"}.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
