"""The case of a peer that is still sending when its connection is drained, as haproxy does: it sends a
WINDOW_UPDATE for each DATA frame that it reads. Closing a socket with unread data sends a reset, which
discards answers that the peer has not read yet; so the server closes its own side first, and continues
reading."""

import os
import re
import signal
import socket
import subprocess
import time

from lib import Counters, run_case

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
FIELDS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/longsync.v1.LongSyncService/LongSync",
    ":authority": "localhost",
    "content-type": "application/grpc",
    "te": "trailers",
}


def frame(kind, flags, stream, content=b""):
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def headers():
    """Literal fields with names of their own, which need no table."""
    text = lambda said: bytes([len(said)]) + said.encode()
    return b"".join(b"\0" + text(name) + text(value) for name, value in FIELDS.items())


def case_a_drained_connection_is_read_on():
    command = [os.environ["SERVER"], "--listen", "127.0.0.1:0", "--log", "off", "--behavior", "500ms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://(\S+)", server.stdout.readline())[1]
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=10) as peer:
                calls(peer, server, Counters(address))
            assert server.wait(5) == 0, server.returncode
        finally:
            server.kill()


def calls(peer, server, counters):
    peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
    peer.sendall(frame(HEADERS, END_HEADERS, 1, headers()) + frame(DATA, END_STREAM, 1, bytes(5)))
    counters.until_in_flight(1)
    server.send_signal(signal.SIGTERM)
    answer = b""
    while said := peer.recv(65536):
        answer += said
        # Its graceful GOAWAY comes with a ping; the ping's return tells the server that no call is on its
        # way.
        if ping := re.search(rb"\0\0\x08\x06\0\0\0\0\0(.{8})", said, re.DOTALL):
            peer.sendall(frame(PING, ACK, 0, ping[1]))
    trailers = re.search(rb"\x01\x05\0\0\0\x01", answer)
    assert b"Done!" in answer and trailers, answer
    for _ in range(3):
        peer.sendall(frame(WINDOW_UPDATE, 0, 0, (1).to_bytes(4, "big")))
        # On loopback, a reset arrives immediately.
        time.sleep(0.01)


run_case(globals())
