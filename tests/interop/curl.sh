#!/usr/bin/env bash
# The cases of curl: the HTTP interface, and gRPC's answers to bytes that no gRPC client would send.
source "$(dirname "$0")/lib.sh"

# fetch PATH [FLAG...]: leaves the answer's `status`, `head` and `body`; trailers are part of the head.
fetch() {
    fetch_or_lose "$@" || fail "curl lost the answer ($(<"$scratch/error"))"
}

# Like `fetch`, but the caller handles an answer that curl lost: its exit codes are 92, for a stream that was
# reset, and 28, for its --max-time.
fetch_or_lose() {
    local path=$1 exit_code=0
    shift
    : >"$scratch/body"
    status=$(curl --silent --show-error --dump-header "$scratch/head" --output "$scratch/body" \
        --write-out '%{http_version} %{http_code}' "$@" "http://$ADDR$path" 2>"$scratch/error") || exit_code=$?
    [[ $exit_code != 92 && $exit_code != 28 ]] || return 1
    is "$exit_code" 0 "curl's exit code ($(<"$scratch/error"))"
    head=$(tr -d '\r' <"$scratch/head")
    # The shell cannot store zero bytes, and without the dot it would drop newlines at the end.
    body=$(tr -d '\0' <"$scratch/body" && printf .)
    body=${body%.}
}

needs_http2() {
    curl --version | grep -qw HTTP2 || skip 'this curl was built without HTTP/2'
}

# grpc FRAME [FLAG...]: sends a frame, in printf's notation, as the body of a unary call.
#
# The answer to a call that is refused because of its headers may end before the body has arrived, as RFC 9113
# allows (8.1). If curl has not sent the body by then, it loses the answer (7.88 then waits for ever, although
# it has read the complete answer); this is a race within curl, so the call is repeated.
grpc() {
    needs_http2
    printf "$1" >"$scratch/frame"
    shift
    local tries
    for ((tries = 0; tries < 20; tries++)); do
        if fetch_or_lose /$SERVICE/LongSync --http2-prior-knowledge --max-time 2 -H 'content-type: application/grpc' \
            -H 'te: trailers' --data-binary "@$scratch/frame" "$@"; then
            is "$status" '2 200' 'the version and status'
            return
        fi
    done
    fail "curl lost the answer in $tries tries of $tries ($(<"$scratch/error"))"
}

done_after_50_ms() {
    is "$body" 'Done!' 'the complete body'
    has "$head" '^server-timing: planned;dur=50\.000, waited;dur=[0-9.]+, queued;dur=0\.000$' \
        '^content-type: text/plain'
    at_least "$(sed -nE 's/^server-timing:.*waited;dur=([0-9.]+).*/\1/p' <<<"$head")" 50 'waited, in ms,'
}

case_http1() {
    fetch '/long_sync?delay=50ms' --http1.1
    is "$status" '1.1 200' 'the version and status'
    done_after_50_ms
}

case_http2() {
    needs_http2
    fetch '/long_sync?delay=50ms' --http2-prior-knowledge
    is "$status" '2 200' 'the version and status'
    done_after_50_ms
}

case_behavior_in_the_query() {
    fetch '/long_sync?behavior=constant%2850ms%29'
    done_after_50_ms
}

case_bad_delay() {
    local query
    for query in delay=50 delay=-1s behavior=soon delay=1s\&behavior=1s delay=2h delya=1s; do
        fetch "/long_sync?$query"
        is "$status" '1.1 400' "the version and status of $query"
        has "$body" '^(delay|behavior|query): .{20}'
    done
    fetch '/long_sync?delay=50'
    has "$body" '^delay: `50` is not a duration: write a number and a unit'
}

case_health() {
    local path
    for path in /healthz /livez /readyz; do
        fetch "$path"
        is "$status" '1.1 200' "the version and status of $path"
    done
    fetch /healthz
    is "$body" $'serving\n' 'the body'
}

case_metrics() {
    fetch /metrics
    is "$status" '1.1 200' 'the version and status'
    has "$head" '^content-type: text/plain; version=0\.0\.4'
    has "$body" '^# TYPE longsync_calls_started_total counter$' \
        '^longsync_calls_started_total\{rpc="LongSync"\} [0-9]+$' \
        '^longsync_calls_ended_total\{rpc="GET /long_sync",outcome="cancelled"\} [0-9]+$' \
        '^longsync_calls_in_flight [0-9]+$' '^longsync_lateness_seconds_count [0-9]+$'
    fetch /metrics --header 'accept: application/openmetrics-text'
    has "$head" '^content-type: application/openmetrics-text'
    is "$(tail -1 <<<"${body%$'\n'}")" '# EOF' 'the last line'
}

case_stats() {
    fetch /stats.json
    is "$status" '1.1 200' 'the version and status'
    has "$head" '^content-type: application/json$' '^cache-control: no-store$'
    has "$body" '^\{"schema":"longsync.stats/v1","uptime_ns":[1-9][0-9]*,' '"calls_in_flight":[0-9]+,' \
        '"lateness":\{"count":[0-9]+,"sum_ns":[0-9]+,'
}

case_page_for_browsers_alone() {
    fetch / --header 'accept: text/html,*/*;q=0.8'
    is "$status" '1.1 200' 'the version and status'
    has "$head" '^content-type: text/html; charset=utf-8$' "^content-security-policy: default-src 'none';" '^vary: accept$'
    has "$body" '^<!doctype html>$' "<code>$ADDR</code>"
    fetch / --header 'accept: text/html;q=0, */*'
    has "$head" '^content-type: text/plain'
}

case_welcome() {
    fetch /
    is "$status" '1.1 200' 'the version and status'
    has "$head" '^content-type: text/plain' '^vary: accept$'
    has "$body" "curl 'http://$ADDR/long_sync\\?delay=250ms'" "grpcurl -plaintext .* $ADDR $SERVICE/LongSync"
}

case_not_found() {
    fetch /nowhere
    is "$status" '1.1 404' 'the version and status'
    has "$head" '^content-type: text/plain'
    has "$body" '^nothing at `/nowhere`'
}

case_method_not_allowed() {
    fetch /long_sync --request PUT --data anything
    is "$status" '1.1 405' 'the version and status'
    has "$head" '^allow: GET, HEAD, POST'
}

case_post() {
    fetch '/long_sync?delay=50ms' --data anything=at-all
    is "$status" '1.1 200' 'the version and status'
    is "$body" 'Done!' 'the body'
    fetch /long_sync --data delay=50ms
    is "$status" '1.1 400' 'the version and status'
    has "$body" '^delay: .* put it in the query'
}

# curl waits one second for permission to send more than a megabyte, and then sends it anyway.
case_large_bodies_are_answered() {
    local large
    large=$(mktemp) || fail 'no temporary file'
    head -c 3000000 /dev/zero >"$large"
    for expect in 'expect: 100-continue' 'expect:'; do
        fetch /nowhere --request PUT --header "$expect" --data-binary "@$large"
        is "$status" '1.1 404' "the version and status with '$expect'"
        has "$body" '^nothing at `/nowhere`'
        fetch '/long_sync?delay=1.5s' --header 'content-type: text/plain' --header "$expect" \
            --data-binary "@$large"
        is "$status" '1.1 200' "the version and status of a POST with '$expect'"
        is "$body" 'Done!' 'the body'
    done
    rm -f "$large"
}

# abandons VERSION: a call that curl gives up on is counted as cancelled.
abandons() {
    local counter before exit_code=0
    counter=$(ended 'GET /long_sync' cancelled)
    becomes longsync_calls_in_flight 0
    before=$(metric "$counter")
    curl --silent "$1" --max-time 0.2 "http://$ADDR/long_sync?delay=20s" || exit_code=$?
    is "$exit_code" 28 "curl's exit code for a timeout"
    becomes "$counter" $((before + 1))
    becomes longsync_calls_in_flight 0
}

case_abandoned_http1() {
    abandons --http1.1
}

case_abandoned_http2() {
    needs_http2
    abandons --http2-prior-knowledge
}

case_grpc_frame() {
    grpc '\0\0\0\0\0' -H 'x-longsync-behavior: 50ms'
    has "$head" '^content-type: application/grpc' '^grpc-status: 0$'
    has "$body" 'Done!'
}

case_grpc_over_http1() {
    printf '\0\0\0\0\0' >"$scratch/frame"
    fetch /$SERVICE/LongSync --http1.1 -H 'content-type: application/grpc' --data-binary "@$scratch/frame"
    is "$status" '1.1 505' 'the version and status'
    has "$body" 'HTTP/2'
}

case_malformed_grpc_timeout() {
    local timeout
    for timeout in 5x 5 S 123456789m -1S; do
        grpc '\0\0\0\0\0' -H "grpc-timeout: $timeout"
        has "$head" '^grpc-status: 3$' '^grpc-message: grpc-timeout' '^grpc-status-details-bin: '
    done
}

case_message_over_the_limit() {
    grpc '\0\177\377\377\377'
    has "$head" '^grpc-status: 8$' '^grpc-message: .*2147483647'
}

case_bytes_that_are_not_a_message() {
    grpc '\0\0\0\0\3\377\377\377'
    has "$head" '^grpc-status: 13$'
}

# The last case of the last client: nothing of the previous calls is left in the server.
case_nothing_is_left() {
    becomes longsync_calls_in_flight 0
    becomes longsync_buffered_bytes 0
    becomes longsync_connections 1
}

scratch=$(mktemp -d) || fail 'no temporary directory'
trap 'rm -rf "$scratch"' EXIT
"case_$1"
