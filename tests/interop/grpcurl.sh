#!/usr/bin/env bash
# The cases of grpcurl (grpc-go), which learns everything from the server's reflection.
source "$(dirname "$0")/lib.sh"

call() {
    "$GRPCURL" -plaintext "$@"
}

# unary REQUEST [FLAG...]
unary() {
    local request=$1
    shift
    call "$@" -d "$request" "$ADDR" $SERVICE/LongSync 2>&1
}

# fails_with CODE NAME COMMAND...: grpcurl exits with 64 + CODE; leaves its output in `said`.
fails_with() {
    local code=$1 name=$2 exit_code=0
    shift 2
    said=$("$@") || exit_code=$?
    is "$exit_code" $((64 + code)) "the exit code (output: $said)"
    has "$said" "Code: $name"
}

# The value of a duration field, in seconds, on each line that contains it.
seconds() {
    sed -nE "s/.*\"$1\": \"([0-9.]+)s\".*/\1/p" <<<"$2"
}

# The values of a numeric field, on one line.
numbers() {
    sed -nE "s/.*\"$1\": \"?([0-9]+)\"?,?/\1/p" <<<"$2" | paste -sd' ' -
}

case_list() {
    has "$(call "$ADDR" list)" "^$SERVICE\$" '^grpc.health.v1.Health$' \
        '^grpc.reflection.v1.ServerReflection$' '^grpc.reflection.v1alpha.ServerReflection$'
}

# `list` would silently fall back to v1alpha.
case_reflection_v1() {
    local answer
    answer=$(call -d '{"list_services":""}' "$ADDR" grpc.reflection.v1.ServerReflection/ServerReflectionInfo 2>&1) ||
        fail "$answer"
    has "$answer" "\"name\": \"$SERVICE\""
}

case_describe() {
    local described
    described=$(call "$ADDR" describe $SERVICE) || fail "describe failed"
    has "$described" \
        'rpc LongSync \( \.longsync\.v1\.LongSyncRequest \) returns \( \.longsync' \
        'rpc LongSyncStream \( \.longsync\.v1\.LongSyncStreamRequest \) returns \( stream ' \
        'rpc LongSyncCollect \( stream .* returns \( \.longsync' \
        'rpc LongSyncExchange \( stream .* returns \( stream '
    has "$(call "$ADDR" describe longsync.v1.LongSyncRequest)" '\.google\.protobuf\.Duration delay = 1;'
}

case_unary() {
    local answer
    answer=$(unary '{"delay":"0.05s"}') || fail "$answer"
    has "$answer" '"message": "Done!"' '"behavior": "50ms"' '"attempt": 1'
    is "$(seconds planned "$answer")" 0.050 planned
    at_least "$(seconds waited "$answer")" 0.05 waited
    is "$(seconds deadlineLeft "$answer")" '' 'deadlineLeft without a deadline'
}

case_payload() {
    local answer
    answer=$(unary '{"delay":"0s","payload":"bG9uZ3N5bmM=","echoPayload":true}') || fail "$answer"
    has "$answer" '"payload": "bG9uZ3N5bmM="'
    answer=$(unary '{"delay":"0s","responseBytes":3}') || fail "$answer"
    has "$answer" '"payload": "AAAA"'
}

case_stream() {
    local answers
    answers=$(call -emit-defaults -d '{"delay":"0.02s","count":3}' "$ADDR" $SERVICE/LongSyncStream 2>&1) ||
        fail "$answers"
    is "$(numbers index "$answers")" '0 1 2' 'the indexes'
    is "$(seconds planned "$answers" | sort -u)" 0.020 'planned of each answer'
    at_least "$(seconds waited "$answers" | sort -g | head -1)" 0.02 'the shortest waited'
}

case_stream_of_none() {
    is "$(call -d '{"delay":"1s","count":0}' "$ADDR" $SERVICE/LongSyncStream 2>&1)" '' 'the answer to a count of zero'
}

case_collect() {
    local answer
    answer=$(call -d @ "$ADDR" $SERVICE/LongSyncCollect 2>&1 \
        <<<'{"delay":"0.03s","payload":"AAA="} {"delay":"0.04s"} {"delay":"0.05s","payload":"AA=="}') || fail "$answer"
    is "$(numbers count "$answer")" 3 count
    is "$(numbers payloadBytes "$answer")" 3 payloadBytes
    is "$(seconds planned "$answer")" 0.120 planned
    at_least "$(seconds waited "$answer")" 0.12 waited
}

case_exchange_overtakes() {
    local answers
    answers=$(call -d @ "$ADDR" $SERVICE/LongSyncExchange 2>&1 \
        <<<'{"delay":"0.9s","id":1} {"delay":"0.5s","id":2} {"delay":"0.1s","id":3}') || fail "$answers"
    is "$(numbers id "$answers")" '3 2 1' 'the order of the ids'
    is "$(seconds planned "$answers" | paste -sd' ' -)" '0.100 0.500 0.900' planned
}

case_exchange_survives_a_bad_request() {
    local answers
    answers=$(call -d @ "$ADDR" $SERVICE/LongSyncExchange 2>&1 \
        <<<'{"delay":"0.1s","id":1} {"delay":"-1s","id":2} {"delay":"0.2s","id":3}') || fail "$answers"
    is "$(numbers id "$answers")" '2 1 3' 'the order of the ids'
    has "$answers" '"code": 3' '"message": "delay: -1s is negative'
}

case_deadline() {
    local answer
    fails_with 4 DeadlineExceeded unary '{"delay":"20s"}' -max-time 1
    answer=$(unary '{"delay":"0s"}' -max-time 10) || fail "$answer"
    at_least "$(seconds deadlineLeft "$answer")" 5 'deadlineLeft of a deadline of 10 s'
}

# refuses FIELD REQUEST [FLAG...]: both details of the status are shown, decoded by reflection.
refuses() {
    local field=$1
    shift
    fails_with 3 InvalidArgument unary "$@"
    has "$said" '"@type": "type.googleapis.com/google.rpc.BadRequest"' "\"field\": \"$field\"" \
        '"@type": "type.googleapis.com/longsync.v1.Timing"' '"receivedAt": '
}

case_negative_delay() {
    refuses delay '{"delay":"-1s"}'
    has "$said" 'Message: delay: -1s is negative'
}

case_delay_over_the_limit() {
    refuses delay '{"delay":"7200s"}'
    has "$said" 'at most 1h'
}

case_delay_and_behavior_both() {
    refuses delay '{"delay":"1s","behavior":"1s"}'
    has "$said" 'both given'
}

case_unknown_behavior_names_the_column() {
    refuses behavior '{"behavior":"1s; sometimes"}'
    has "$said" 'at column 5: expected'
}

case_behavior_header() {
    local answer
    answer=$(unary '{}' -H 'x-longsync-behavior: 20ms') || fail "$answer"
    is "$(seconds planned "$answer")" 0.020 'planned by the header'
    answer=$(unary '{"delay":"0.03s"}' -H 'x-longsync-behavior: 20s') || fail "$answer"
    is "$(seconds planned "$answer")" 0.030 'planned by the request, which goes before the header,'
    refuses x-longsync-behavior '{}' -H 'x-longsync-behavior: soon'
}

# grpcurl sends a method that reflection does not know only if it has a proto file of its own.
case_unknown_method() {
    local protos
    protos=$(mktemp -d) || fail 'no temporary directory'
    trap 'rm -rf "$protos"' EXIT
    cat >"$protos/unknown.proto" <<'PROTO'
syntax = "proto3";
package longsync.v1;
message Nothing {}
service LongSyncService { rpc LongSink(Nothing) returns (Nothing); }
service Stranger { rpc LongSync(Nothing) returns (Nothing); }
PROTO
    local method
    for method in LongSyncService/LongSink Stranger/LongSync; do
        fails_with 12 Unimplemented unknown "$protos" "longsync.v1.$method"
    done
}

unknown() {
    call -import-path "$1" -proto unknown.proto -d '{}' "$ADDR" "$2" 2>&1
}

case_health() {
    local service answer
    for service in '' $SERVICE; do
        answer=$(health "$service") || fail "$answer"
        has "$answer" '"status": "SERVING"'
    done
    fails_with 5 NotFound health nobody
}

health() {
    call -d "{\"service\":\"$1\"}" "$ADDR" grpc.health.v1.Health/Check 2>&1
}

"case_$1"
