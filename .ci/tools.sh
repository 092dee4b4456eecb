# How `run` gets its tools. A tool that is present is not installed again; a function whose tool cannot be
# installed returns $SKIPPED, with the reason in `why`.

# The time limit for fetching or building a tool.
INSTALL_SECONDS=300
DENY_INSTALL_SECONDS=900
# The exit code of a step that cannot be run here; the reason is in `why`.
SKIPPED=77

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/longsync-ci
why=

# cannot REASON: makes a step that cannot be run return $SKIPPED.
cannot() {
    why=$*
    return $SKIPPED
}

# fetched SECONDS COMMAND...: runs a command that may need a network. Leaves the last line of its output in
# `why`.
fetched() {
    local seconds=$1 said
    shift
    said=$(timeout --kill-after=5 "$seconds" "$@" 2>&1) && return
    why=$(grep -v '^ *$' <<<"$said" | tail -n 1)
    return 1
}

# component NAME SUBCOMMAND: a part of the toolchain that minimal installations lack.
component() {
    cargo "$2" --version >/dev/null 2>&1 && return
    fetched $INSTALL_SECONDS rustup component add "$1" || cannot "no $1, and rustup cannot add it: $why"
}

# toolchain VERSION: a Rust version other than the one that builds everything else.
toolchain() {
    cargo "+$1" --version >/dev/null 2>&1 && return
    fetched $INSTALL_SECONDS rustup toolchain install "$1" --profile minimal ||
        cannot "no Rust $1, and rustup cannot install it: $why"
}

# find_tool PROGRAM PACKAGE [SUBCOMMAND]: leaves a program that starts in `tool`; PyPI's package contains it
# prebuilt. A cargo subcommand is called as such to print its version.
find_tool() {
    for tool in "$1" "$cache/bin/$1"; do
        "$tool" ${3-} --version >/dev/null 2>&1 && return
    done
    command -v python3 >/dev/null || cannot "no $1, and no python3 to install it with" || return
    { "$cache/bin/python" -m pip --version >/dev/null 2>&1 ||
        fetched $INSTALL_SECONDS python3 -m venv --clear "$cache"; } &&
        fetched $INSTALL_SECONDS "$cache/bin/python" -m pip install --quiet --disable-pip-version-check \
            --only-binary :all: "$2" ||
        cannot "no $1, and it cannot be installed: $why" || return
    "$tool" ${3-} --version >/dev/null 2>&1 || cannot "$1 was installed, but does not start"
}

# Tried only once: if it cannot be installed, the second step should not wait for that again.
find_deny() {
    cargo deny --version >/dev/null 2>&1 && return
    if [[ -z ${deny_why-} ]]; then
        printf 'compiling cargo-deny, which takes several minutes\n'
        # Not in the project's own target directory, which a build with other flags would fill up.
        fetched $DENY_INSTALL_SECONDS env -u CARGO_TARGET_DIR cargo install cargo-deny --locked && return
        deny_why="no cargo-deny, and it cannot be installed: $why"
    fi
    cannot "$deny_why"
}
