"""The cases of HTTP/1.1 requests with a body of 3 MB that the server does not need: the body is sent
completely before the answer is looked at, and the answer arrives all the same."""

import http.client
import os

from lib import run_case

TIMES = 20


def answer_to(address, method, path):
    connection = http.client.HTTPConnection(address, timeout=15)
    connection.request(method, path, body=bytes(3_000_000), headers={"content-type": "application/octet-stream"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def each_put_gets_its_405(address):
    for count in range(TIMES):
        answer, body = answer_to(address, "PUT", "/long_sync?delay=10ms")
        assert answer.status == 405, f"answer {count}: {answer.status} {body}"
        assert "GET" in answer.getheader("allow", ""), f"answer {count}: {answer.getheaders()}"


def each_post_gets_its_200(address):
    for count in range(TIMES):
        answer, body = answer_to(address, "POST", "/long_sync?delay=10ms")
        assert (answer.status, body) == (200, "Done!"), f"answer {count}: {answer.status} {body}"


def case_3_mb_put_gets_its_405():
    each_put_gets_its_405(os.environ["ADDR"])


def case_3_mb_post_gets_its_200():
    each_post_gets_its_200(os.environ["ADDR"])


if __name__ == "__main__":
    run_case(globals())
