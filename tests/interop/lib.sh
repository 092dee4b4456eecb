# Shared by the cases of the shell clients. `run` starts each case in a shell of its own, with the server's
# address in ADDR; a case fails with its reason on stderr.
set -u -o pipefail
export LC_ALL=C

SERVICE=longsync.v1.LongSyncService

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

skip() {
    printf '%s\n' "$*" >&2
    exit 77
}

# has TEXT PATTERN...: the text must match every pattern (grep -E).
has() {
    local text=$1 pattern
    shift
    for pattern in "$@"; do
        grep -aqE -e "$pattern" <<<"$text" || fail "expected /$pattern/ in: $text"
    done
}

# is ACTUAL EXPECTED WHAT
is() {
    [[ $1 == "$2" ]] || fail "expected $3 to be '$2', found '$1'"
}

# at_least ACTUAL LEAST WHAT, of decimal numbers
at_least() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 >= b + 0) }' ||
        fail "expected $3 of at least $2, found '$1'"
}

# below ACTUAL BOUND WHAT, of decimal numbers
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b + 0) }' ||
        fail "expected $3 below $2, found '$1'"
}

# The value of a counter or gauge of /metrics.
metric() {
    local page
    exec 4<>"/dev/tcp/${ADDR%:*}/${ADDR##*:}" || fail "no connection to $ADDR"
    printf 'GET /metrics HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n' "$ADDR" >&4
    page=$(cat <&4)
    exec 4>&-
    awk -v name="$1" 'index($0, name " ") == 1 { print substr($0, length(name) + 2) }' <<<"$page"
}

# The name of the counter of calls with this outcome: ended RPC OUTCOME
ended() {
    printf 'longsync_calls_ended_total{rpc="%s",outcome="%s"}' "$1" "$2"
}

# becomes NAME VALUE: waits until a metric has a value.
becomes() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        [[ $(metric "$1") == "$2" ]] && return
        sleep 0.05
    done
    fail "expected $1 to become $2, found '$(metric "$1")' after 10 s"
}
