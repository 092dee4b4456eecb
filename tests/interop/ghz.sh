#!/usr/bin/env bash
# The cases of ghz, a load generator based on grpc-go, which learns our proto by reflection.
source "$(dirname "$0")/lib.sh"

# load COUNT STATUS RPC DATA [FLAG...]: makes COUNT calls, all of which end with the status; leaves ghz's
# report in `report`.
load() {
    local count=$1 status=$2 rpc=$3 data=$4
    shift 4
    report=$("$GHZ" --insecure --call "$SERVICE.$rpc" --data "$data" --total "$count" --concurrency 10 \
        --format pretty "$@" "$ADDR" 2>&1) || fail "$report"
    is "$(figure count)" "$count" 'the count of calls'
    is "$(sed -n '/"statusCodeDistribution"/,/}/ s/^ *"\([A-Za-z]*\)": \([0-9]*\),\{0,1\}$/\1 \2/p' <<<"$report")" \
        "$status $count" 'the status codes'
}

# A number in the report.
figure() {
    sed -nE "s/^  \"$1\": ([0-9]+),$/\1/p" <<<"$report"
}

# counted COUNT STATUS OUTCOME RPC DATA [FLAG...]: like `load`, and checks what the server counted.
counted() {
    local count=$1 status=$2 outcome=$3 rpc=$4 counter before
    shift 3
    counter=$(ended "$rpc" "$outcome")
    becomes longsync_calls_in_flight 0
    before=$(metric "$counter")
    load "$count" "$status" "$@"
    becomes "$counter" $((before + count))
    becomes longsync_calls_in_flight 0
}

case_unary() {
    counted 40 OK answered LongSync '{"delay":"0.05s"}'
    at_least "$(figure fastest)" 50000000 'the fastest call, in ns,'
    # One after another they would take this long.
    (($(figure total) < 2000000000)) || fail "40 calls of 50 ms, ten at a time, took $(figure total) ns"
}

case_stream() {
    counted 20 OK answered LongSyncStream '{"delay":"0.02s","count":3}'
    at_least "$(figure fastest)" 60000000 'the fastest call, in ns,'
}

case_collect() {
    counted 20 OK answered LongSyncCollect '[{"delay":"0.02s"},{"delay":"0.03s"}]'
    at_least "$(figure fastest)" 50000000 'the fastest call, in ns,'
}

case_exchange() {
    counted 20 OK answered LongSyncExchange '[{"delay":"0.05s","id":1},{"delay":"0.02s","id":2}]'
    at_least "$(figure fastest)" 50000000 'the fastest call, in ns,'
}

case_deadline() {
    counted 20 DeadlineExceeded deadline_exceeded LongSync '{"delay":"20s"}' --timeout 500ms
}

"case_$1"
