# Shared by the scripts that run cases against a server of their own: finding and starting the server, running
# a case, printing one line per case, and counting passed, failed and skipped cases.

# The time limit of one case.
CASE_SECONDS=30
# The exit code of a case that cannot be run here.
SKIPPED=77

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
# Cargo resolves a relative path against the directory in which it is run.
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$root/$target

passed=0 failed=0 skipped=0

# report RESULT CASE [WHY]: prints one line, whatever the reason contains.
report() {
    case $1 in
        pass) passed=$((passed + 1)) ;;
        FAIL) failed=$((failed + 1)) ;;
        skip) skipped=$((skipped + 1)) ;;
    esac
    local words
    # -d '' makes `read` split the entire reason, with newlines as blanks.
    read -r -d '' -a words <<<"${3-}"
    local why=${words[*]}
    printf '%s %s%s\n' "$1" "$2" "${why:+ : ${why:0:1000}}"
}

# Prints the last line. Fails if a case failed.
report_all() {
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [[ $failed == 0 ]]
}

give_up() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# run_case WHAT COMMAND...: of the output of a case that passes, lines which begin with `note: ` are reported.
run_case() {
    local what=$1 said exit_code=0
    shift
    said=$(timeout --kill-after=5 $CASE_SECONDS "$@" </dev/null 2>&1) || exit_code=$?
    case $exit_code in
        0) report pass "$what" "$(sed -n 's/^note: //p' <<<"$said")" ;;
        "$SKIPPED") report skip "$what" "$said" ;;
        124 | 137) report FAIL "$what" "it did not end within $CASE_SECONDS s; $said" ;;
        *) report FAIL "$what" "${said:-exit code $exit_code}" ;;
    esac
}

# start_server [SERVER-BINARY]: builds a server if no binary is given. Leaves the binary in SERVER, the
# server's address in ADDR, and a directory in `scratch`; the directory and the server are removed when the
# script ends.
start_server() {
    command -v timeout >/dev/null || give_up 'timeout (from the GNU core utilities) is needed to limit each case'
    # The server's flags can be set in the environment, and a proxy must not see calls to this machine.
    local renew=${LONGSYNC_RENEW-}
    unset "${!LONGSYNC_@}"
    # With this one, cases write what they found instead of comparing it.
    [[ -z $renew ]] || export LONGSYNC_RENEW=$renew
    export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
    # The cases leave no caches next to themselves.
    export PYTHONDONTWRITEBYTECODE=1

    find_server "$@"
    server_pid=
    scratch=$(mktemp -d) || give_up 'no temporary directory'
    trap clean_up EXIT
    trap 'exit 130' INT TERM

    mkfifo "$scratch/stdout" || give_up 'cannot make a pipe'
    "$SERVER" --listen 127.0.0.1:0 --log off >"$scratch/stdout" 2>"$scratch/stderr" &
    server_pid=$!
    # Kept open: the server prints more than its first line.
    exec 3<"$scratch/stdout"
    local line=
    IFS= read -r -t "$CASE_SECONDS" line <&3
    ADDR=${line#longsync-server listening on http://}
    [[ $line != "$ADDR" ]] || give_up "the server's first line was '$line': $(<"$scratch/stderr")"
    [[ $ADDR =~ ^127\.0\.0\.1:[1-9][0-9]*$ ]] || give_up "the server listens on '$ADDR'"
    export ADDR SERVER
}

find_server() {
    if [[ $# -gt 1 ]]; then
        give_up 'expected at most one argument, the path of a server binary'
    elif [[ $# == 1 ]]; then
        [[ -x $1 ]] || give_up "$1 is not an executable program"
        SERVER=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    else
        (cd "$root" && cargo build --release -p longsync-server) || give_up 'the server does not build'
        SERVER=$target/release/longsync-server
        [[ -x $SERVER ]] || give_up "there is no server at $SERVER"
    fi
}

# Our own client, next to the server, or built if the server was built. Leaves the binary in CLIENT.
find_client() {
    export CLIENT=${SERVER%/*}/longsync-client
    [[ $SERVER != "$target/release/"* ]] ||
        (cd "$root" && cargo build --release -p longsync-client) || give_up 'the client does not build'
    [[ -x $CLIENT ]] || give_up "there is no client at $CLIENT, next to the server"
}

# A server that is still running is killed by its process ID.
clean_up() {
    [[ -z $server_pid ]] || kill -KILL "$server_pid" 2>/dev/null
    rm -rf "$scratch"
}

stop_server() {
    local exit_code=0
    kill -TERM "$server_pid" 2>/dev/null
    if ! timeout $CASE_SECONDS tail --pid="$server_pid" -f /dev/null; then
        report FAIL 'server ends after SIGTERM' "it was still running after $CASE_SECONDS s"
        return
    fi
    wait "$server_pid" || exit_code=$?
    server_pid=
    if [[ $exit_code == 0 && ! -s $scratch/stderr ]]; then
        report pass 'server ends after SIGTERM'
    else
        report FAIL 'server ends after SIGTERM' "exit code $exit_code; on stderr: $(<"$scratch/stderr")"
    fi
}
