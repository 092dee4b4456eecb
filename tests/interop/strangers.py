"""The cases of clients that speak a protocol which the port does not: their connections are closed, and
nobody else is affected."""

import os
import socket
import ssl

from lib import Counters, run_case, until

ADDR = os.environ["ADDR"]
COUNTERS = Counters(ADDR)


def connected():
    host, _, port = ADDR.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def connections():
    return COUNTERS.value("longsync_connections")


def until_no_more_than(before):
    """Waits until a stranger's connection is closed, with or without those of earlier clients."""
    until(f"at most {before} connections", lambda: connections() <= before, True)


def is_closed(opening):
    """The server closes a connection that begins with these bytes, with or without sending a refusal."""
    before = connections()
    with connected() as stranger:
        stranger.sendall(opening)
        try:
            while stranger.recv(4096):
                pass
        except ConnectionResetError:
            pass
        until_no_more_than(before)


def case_tls_hello():
    before = connections()
    context = ssl.create_default_context()
    with connected() as stranger:
        try:
            context.wrap_socket(stranger, server_hostname="localhost")
            raise AssertionError("the server answered in TLS")
        except (ssl.SSLError, ConnectionResetError):
            pass
    until_no_more_than(before)


def case_proxy_header_in_text():
    is_closed(b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 9000\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")


def case_proxy_header_in_binary():
    addresses = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.2") + bytes([220, 4, 35, 40])
    is_closed(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + addresses + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


run_case(globals())
