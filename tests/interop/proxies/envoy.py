"""The cases of Envoy alone: it checks its servers' health, and translates gRPC-web and JSON."""

import base64
import http.client
import json
import os
import re
import struct
import urllib.request
from urllib.parse import unquote

from grpcio_lib import PATIENCE, SERVICE, Client, check_timing
from lib import run_case
from proxy import Proxy


class Envoy(Proxy):
    CONFIGURATION = "envoy.yaml"
    CLOSES_AFTER_20 = {
        "common_http_protocol_options: {": "common_http_protocol_options: {max_requests_per_connection: 20, "
    }
    THREE_STREAMS = {"max_concurrent_streams: 100": "max_concurrent_streams: 3"}
    GIVES_UP_AFTER_1_S = {"cluster: grpc, timeout: 0s": "cluster: grpc, timeout: 1s"}
    # It answers in gRPC, without a page.
    WITHOUT_SERVER, WHEN_IT_GIVES_UP = None, None

    def __init__(self, *servers, edits=None):
        super().__init__(*servers, edits={"longsync.binpb": os.environ["DESCRIPTORS"], **(edits or {})})

    def command(self, configuration):
        alone = ("--concurrency", "1", "--disable-hot-restart")
        return [os.environ["ENVOY_PROGRAM"], "-c", configuration, *alone, "--log-level", "warn"]

    def well(self, server):
        """Whether its health checks let calls go to the server."""
        with urllib.request.urlopen(f"http://{self.state}/clusters?format=json", timeout=5) as answer:
            clusters = json.load(answer)["cluster_statuses"]
        port = int(server.rpartition(":")[2])
        hosts = [host for cluster in clusters if cluster["name"] == "grpc" for host in cluster["host_statuses"]]
        [host] = [host for host in hosts if host["address"]["socket_address"]["port_value"] == port]
        return "failed_active_health_check" not in host["health_status"]


PROXY = Envoy


def post(proxy, rpc, content_type, body):
    connection = http.client.HTTPConnection(proxy.http, timeout=PATIENCE)
    headers = {"content-type": content_type, "accept": content_type}
    connection.request("POST", f"/{SERVICE}/{rpc}", body=body, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def framed(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def frames(body):
    """The flags and the content of each gRPC-web frame."""
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        yield flags, body[5 : 5 + length]
        body = body[5 + length :]


def case_grpc_web():
    with Envoy(os.environ["ADDR"]) as proxy, Client(proxy.grpc, os.environ["ADDR"]) as client:
        answers = client.message("longsync.v1.LongSyncStreamResponse")
        request = framed(client.request("LongSyncStream", 50, count=3).SerializeToString())
        for content_type, encode, decode in (
            ("application/grpc-web+proto", bytes, bytes),
            ("application/grpc-web-text+proto", base64.b64encode, in_pieces),
        ):
            answer, body = post(proxy, "LongSyncStream", content_type, encode(request))
            assert (answer.status, answer.getheader("content-type")) == (200, content_type), answer.getheaders()
            *messages, (flags, trailers) = frames(decode(body))
            for index, (_, message) in enumerate(messages):
                answer = answers.FromString(message)
                assert answer.index == index, answer
                check_timing(answer.timing, 50)
            assert len(messages) == 3, messages
            assert flags == 0x80 and b"grpc-status:0\r\n" in trailers, (flags, trailers)


def in_pieces(text):
    """Decodes base64 that was padded at the end of each piece."""
    return b"".join(base64.b64decode(piece) for piece in re.findall(rb"[^=]+=*", text))


def case_json():
    with Envoy(os.environ["ADDR"]) as proxy:
        answer, body = post(proxy, "LongSync", "application/json", b'{"delay":"0.05s"}')
        said = json.loads(body)
        assert (said["message"], said["timing"]["planned"]) == ("Done!", "0.050s"), (answer.status, said)
        answer, body = post(proxy, "LongSyncStream", "application/json", b'{"delay":"0.05s","count":3}')
        said = json.loads(body)
        assert [each.get("index", 0) for each in said] == [0, 1, 2], said
        answer, body = post(proxy, "LongSync", "application/json", b'{"delay":"-1s"}')
        said = answer.status, answer.getheader("grpc-status"), unquote(answer.getheader("grpc-message"))
        assert said == (400, "3", "delay: -1s is negative: send zero or more"), said


if __name__ == "__main__":
    run_case(globals())
