#!/usr/bin/env bash
# Runs one example, then checks its output and the server's counters:
# check.sh LEAST BELOW PATTERN [RPC OUTCOME COUNT]... -- COMMAND...
#
# The wall time, which is the last word of the output, must be at least LEAST seconds and below BELOW, and the PATTERN
# (grep -E) must match the output, with its lines joined by ` | `.
source "$(dirname "$0")/../../tests/interop/lib.sh"

least=$1 below=$2 pattern=$3
shift 3
expected=()
while [[ $1 != -- ]]; do
    counter=$(ended "$1" "$2")
    before=$(metric "$counter") || fail 'no metrics'
    expected+=("$counter" $((before + $3)))
    shift 3
done
shift

said=$("$@" 2>&1) || fail "exit code $?: $said"
said=${said//$'\n'/ | }
has "$said" "$pattern"
took=$(awk '{ took = $NF } END { print took ~ /[0-9]ms$/ ? took / 1000 : took ~ /[0-9]s$/ ? took + 0 : "" }' <<<"$said")
at_least "$took" "$least" "the last word of '$said' to be a time, in seconds,"
below "$took" "$below" "the last word of '$said' to be a time, in seconds,"

becomes longsync_calls_in_flight 0
set -- "${expected[@]}"
while [[ $# -gt 0 ]]; do
    becomes "$1" "$2"
    shift 2
done
