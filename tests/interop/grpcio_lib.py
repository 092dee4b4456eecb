"""Shared by the cases on Python's grpcio: a client without generated code, whose messages are built from the
answers of the server's reflection, and servers that a case may stop."""

import contextlib
import os
import re
import subprocess

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from lib import Counters

SERVICE = "longsync.v1.LongSyncService"
# No call may hang a case: much longer than any of them takes.
PATIENCE = 15


class Client:
    """Callables and messages of longsync, learned by reflection over the same channel."""

    def __init__(self, addr, server=None, options=()):
        """The counters are those of the server at `addr`, unless another server is given."""
        self.counters = Counters(server or addr)
        self.channel = grpc.insecure_channel(addr, options)
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.methods = self.pool.FindServiceByName(SERVICE).methods_by_name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def call(self, name):
        method = self.methods[name]
        kinds = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }
        return kinds[method.client_streaming, method.server_streaming](
            f"/{SERVICE}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )

    def request(self, name, delay_ms=None, **fields):
        request = message_factory.GetMessageClass(self.methods[name].input_type)(**fields)
        if delay_ms is not None:
            request.delay.FromMilliseconds(delay_ms)
        return request

    def unary(self, delay_ms=None, timeout=PATIENCE, **fields):
        return self.call("LongSync")(self.request("LongSync", delay_ms, **fields), timeout=timeout)

    def unary_future(self, delay_ms, timeout=PATIENCE):
        return self.call("LongSync").future(self.request("LongSync", delay_ms), timeout=timeout)


def check_timing(timing, planned_ms):
    assert timing.planned.ToNanoseconds() == planned_ms * 1_000_000, f"planned is {timing.planned}"
    assert timing.waited.ToNanoseconds() >= planned_ms * 1_000_000, f"waited is {timing.waited}"
    # An upper bound that a machine under load still meets, and a mistaken unit does not.
    assert timing.waited.ToMilliseconds() < planned_ms + 5_000, f"waited is {timing.waited}"


def failure(call):
    """The error with which a call ends."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was answered")


@contextlib.contextmanager
def server_of_its_own(*flags, listen="127.0.0.1:0", log=None):
    """A server that a case may stop. Yields the process and its address. With the file `log`, it writes a line
    there for each call."""
    command = [os.environ["SERVER"], "--listen", listen, "--log", "debug" if log else "off", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            first = process.stdout.readline()
            said = re.fullmatch(r"longsync-server listening on http://(\S+)\n", first)
            assert said, f"the server's first line was {first!r}"
            yield process, said[1]
        finally:
            process.kill()
