"""A delay line: a TCP proxy which holds back what the server says, and nothing else.

Each piece of bytes leaves exactly this long after it came. One thread per direction and one that
sends, all of which sleep in the kernel: an event loop's timers have a step of 1 ms.
"""

import queue
import socket
import threading
import time

PIECE = 1 << 16


class DelayLine:
    """Listens on a free port while the block runs: `with DelayLine("127.0.0.1:9000", 0.02) as line`."""

    def __init__(self, address, seconds):
        host, port = address.rsplit(":", 1)
        self.server = host, int(port)
        self.nanoseconds = round(seconds * 1e9)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets = []

    @property
    def url(self):
        return "http://127.0.0.1:{}".format(self.listener.getsockname()[1])

    def __enter__(self):
        start(self.accept)
        return self

    def __exit__(self, *_):
        for each in (self.listener, *self.sockets):
            each.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return  # The block is over.
            server = socket.create_connection(self.server)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sockets.append(each)
            held = queue.SimpleQueue()
            start(passed, client, server.sendall)
            start(passed, server, lambda piece, held=held: held.put((time.monotonic_ns(), piece)))
            start(self.release, held, client)

    def release(self, held, client):
        while True:
            came, piece = held.get()
            left = came + self.nanoseconds - time.monotonic_ns()
            if left > 0:
                time.sleep(left / 1e9)
            try:
                client.sendall(piece)
            except OSError:
                return  # The client has gone.


def passed(source, sink):
    try:
        while piece := source.recv(PIECE):
            sink(piece)
    except OSError:
        pass  # One of the two has gone.


def start(run, *arguments):
    threading.Thread(target=run, args=arguments, daemon=True).start()
