# What the cases of the shell clients share. `run` starts each case in a shell of its own, with the
# server's address in ADDR; a case fails with its reason on stderr.
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

# has TEXT PATTERN...: every pattern (grep -E) is found in the text.
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
