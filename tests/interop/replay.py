"""The cases of callers that ask for recorded delays, which only the server's own behavior may have: for a caller the
server opens no file, and the caller's connection carries on."""

import ctypes
import errno
import http.client
import os
import re
import struct
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import grpc
from grpcio_lib import PATIENCE, Client, failure, server_of_its_own
from lib import Skipped, run_case, until

HEADER = "x-longsync-behavior"
RECORDING, PIPE, MISSING = "delays.csv", "pipe.csv", "missing.csv"
# Linux's inotify.h.
IN_OPEN, EVENT = 0x20, struct.Struct("iIII")
# From the line that the server writes when a call ends.
CONNECTION = re.compile(r" call ended .* connection=(\d+) ")


class Opened:
    """The names of the files in a directory, one for each time that one of them was opened."""

    def __init__(self, directory):
        if sys.platform != "linux":
            raise Skipped("only Linux says which files are opened")
        libc = ctypes.CDLL(None, use_errno=True)
        self.events = libc.inotify_init1(os.O_NONBLOCK)
        watched = libc.inotify_add_watch(self.events, os.fsencode(directory), IN_OPEN)
        assert self.events >= 0 and watched >= 0, os.strerror(ctypes.get_errno())

    def names(self):
        """Those since the last time."""
        names = []
        try:
            while said := os.read(self.events, 4096):
                while said:
                    *_, length = EVENT.unpack_from(said)
                    names.append(said[EVENT.size : EVENT.size + length].rstrip(b"\0").decode())
                    said = said[EVENT.size + length :]
        except BlockingIOError:
            return names


def somebody_reads(pipe):
    """Whether a process has opened a named pipe for reading. Before anybody writes, that blocks it, and inotify does
    not report it."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError as error:
        assert error.errno == errno.ENXIO, error
        return False


def replay(file):
    return f'replay("{file}")'


def each_way(client, text):
    """The error of a call with this behavior, for each way to send it."""
    for rpc in ("LongSync", "LongSyncStream"):
        yield failure(lambda: list_of(client.call(rpc)(client.request(rpc, behavior=text), timeout=PATIENCE)))
        headers = [(HEADER, text)]
        yield failure(lambda: list_of(client.call(rpc)(client.request(rpc), timeout=PATIENCE, metadata=headers)))
    collect = iter([client.request("LongSyncCollect", behavior=text)])
    yield failure(lambda: client.call("LongSyncCollect")(collect, timeout=PATIENCE))


def list_of(answer):
    """The only answer, or those of a stream."""
    return list(answer) if hasattr(answer, "__iter__") else [answer]


def asked_over_grpc(address, text):
    with Client(address) as client:
        waiting = client.unary_future(300)
        for error in each_way(client, text):
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and "replay" in error.details(), error
        messages = {"behavior": text}, {"delay_ms": 1}
        requests = [client.request("LongSyncExchange", id=id, **each) for id, each in enumerate(messages, 1)]
        failed, answered = client.call("LongSyncExchange")(iter(requests), timeout=PATIENCE)
        assert (failed.id, failed.failure.code, answered.id) == (1, 3, 2), (failed, answered)
        assert "replay" in failed.failure.message and answered.message == "Done!", (failed, answered)
        assert client.unary(1).message == waiting.result().message == "Done!"


def asked_over_http(address, text):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    for path, headers, status in (
        (f"/long_sync?behavior={quote(text)}", {}, 400),
        ("/long_sync", {HEADER: text}, 400),
        ("/long_sync?delay=1ms", {}, 200),
    ):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        said = answer.read().decode()
        assert answer.status == status and ("replay" in said) == (status == 400), (path, answer.status, said)
    connection.close()


def case_no_file_is_opened_for_a_caller():
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as log:
        recording, pipe = Path(directory, RECORDING), Path(directory, PIPE)
        recording.write_text("ms\n1\n2\n")
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        assert somebody_reads(pipe), "a pipe that is open seems closed"
        os.close(reader)
        opened = Opened(directory)
        own = ("--behavior", replay(RECORDING), "--replay-dir", directory)
        with server_of_its_own(*own, log=log) as (server, address):
            # What it opens for itself is seen.
            assert opened.names() == [RECORDING], "the server's own recording"
            texts = [replay(file) for file in (RECORDING, str(recording), PIPE, str(pipe), MISSING)]
            texts += [f"mix(50%: 1ms, rest: {replay(PIPE)})", f"attempts(1ms, {replay(RECORDING)})"]
            for text in texts:
                asked_over_grpc(address, text)
                asked_over_http(address, text)
                assert opened.names() == [] and not somebody_reads(pipe), f"a caller's {text} opened something"
            server.terminate()
            server.wait(10)
        log.seek(0)
        connections = {found[1] for found in map(CONNECTION.search, log) if found}
        assert len(connections) == 2 * len(texts), f"{len(texts)} times two clients had {connections}"


run_case(globals())
