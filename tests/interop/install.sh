# How `run`, here and in docs/examples, gets its clients. Each function sets a variable to the client's path;
# if the client cannot be installed, the function fails and leaves the reason in `why`. Clients that are
# installed already are not installed again. Major versions are pinned, so that a client changes when this
# project decides it.

# The time limit of one installation.
INSTALL_SECONDS=300

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/longsync-interop

# quietly COMMAND...: if the command fails, leaves the end of its output in `why`.
quietly() {
    local said
    said=$(timeout --kill-after=5 $INSTALL_SECONDS "$@" </dev/null 2>&1) && return
    why="\`$*\` failed: $(tail -n 2 <<<"$said")"
    return 1
}

# needs PROGRAM WHAT
needs() {
    command -v "$1" >/dev/null && return
    why="there is no $1, which $2"
    return 1
}

# installing WHAT COMMAND...
installing() {
    local what=$1
    shift
    printf 'installing %s\n' "$what" >&2
    quietly "$@" && return
    why="$what is not installed and could not be: $why"
    return 1
}

# go_program VARIABLE NAME PACKAGE@VERSION: leaves the path in the variable.
go_program() {
    local found bin
    if ! found=$(command -v "$2"); then
        needs go "$2 is built with" || return
        bin=$(go env GOPATH) && bin=${bin%%:*}/bin
        found=$bin/$2
        [[ -x $found ]] || installing "$2" env GOBIN="$bin" go install "$3" || return
    fi
    export "$1=$found"
}

# go_client DIRECTORY: builds our client on grpc-go; leaves the path in GO_CLIENT.
go_client() {
    needs go 'our client on grpc-go is built with' || return
    if ! quietly go -C "$1" mod download; then
        why="grpc-go is not installed and could not be: $why"
        return 1
    fi
    export GO_CLIENT=$scratch/go_client
    quietly go -C "$1" build -buildvcs=false -o "$GO_CLIENT" . && return
    # All its modules are available, so its source is at fault.
    report FAIL 'grpc-go build' "$why"
    return 1
}

# debian_program VARIABLE NAME PACKAGE: leaves the path in the variable.
debian_program() {
    local found place=$cache/debian/$3
    if ! found=$(PATH=$PATH:/usr/sbin type -P "$2"); then
        found=$place/run/$2
        [[ -x $found ]] || debian_package "$3" "$place" || return
    fi
    export "$1=$found"
}

debian_package() {
    local unpack=("$(dirname "${BASH_SOURCE[0]}")/unpack.sh" "$@")
    needs apt-get "fetches $1" && needs dpkg-deb "unpacks $1" || return
    # A missing or outdated package list is renewed, which only root may do.
    installing "$1" "${unpack[@]}" || { quietly apt-get update && installing "$1" "${unpack[@]}"; }
}

# toxiproxy: leaves the path of its server in TOXIPROXY.
toxiproxy() {
    export TOXIPROXY
    TOXIPROXY=$(command -v toxiproxy-server) && return
    TOXIPROXY=$cache/toxiproxy/server
    [[ -x $TOXIPROXY ]] && return
    needs go 'toxiproxy is built with' || return
    # A directory of its own: the program's name is merely `server`.
    installing toxiproxy env GOBIN="${TOXIPROXY%/*}" go install github.com/Shopify/toxiproxy/v2/cmd/server@v2
}

# Leaves the command of grpc-go's own interop client in GRPC_TESTING.
grpc_go_testing() {
    export GRPC_TESTING=$cache/grpc-go/client
    [[ -x $GRPC_TESTING ]] && return
    needs go "grpc-go's interop client is built with" || return
    # A directory of its own: the program's name is merely `client`.
    installing "grpc-go's interop client" env GOBIN="${GRPC_TESTING%/*}" \
        go install google.golang.org/grpc/interop/client@v1
}

# java_testing DIRECTORY: leaves the command of grpc-java's own interop client in GRPC_TESTING.
java_testing() {
    local jars=$cache/java_testing
    needs java 'runs it' && needs mvn 'fetches grpc-java' || return
    if ! cmp -s "$1/pom.xml" "$jars/pom.xml"; then
        rm -rf "$jars"
        installing "grpc-java's interop client" mvn --quiet --batch-mode --file "$1/pom.xml" \
            dependency:copy-dependencies "-DoutputDirectory=$jars" || return
        cp "$1/pom.xml" "$jars" || return
    fi
    export GRPC_TESTING=$'java\n-cp\n'"$jars/*"$'\nio.grpc.testing.integration.TestServiceClient'
}

# java_client DIRECTORY: builds our client on grpc-java; leaves the class path to start it with in
# JAVA_CLASSES.
java_client() {
    local jars=$cache/java classes=$scratch/java_client
    needs java 'runs it' && needs javac 'it is built with' && needs mvn 'fetches grpc-java' || return
    # Files fetched for another version must not stay in the same directory.
    if ! cmp -s "$1/pom.xml" "$jars/pom.xml"; then
        rm -rf "$jars"
        installing grpc-java mvn --quiet --batch-mode --file "$1/pom.xml" \
            dependency:copy-dependencies "-DoutputDirectory=$jars" || return
        cp "$1/pom.xml" "$jars" || return
    fi
    export JAVA_CLASSES=$classes:$jars/*
    quietly javac -Xlint:all,-try,-path -Werror -cp "$jars/*" -d "$classes" "$1"/*.java && return
    # All its dependencies are available, so its source is at fault.
    report FAIL 'grpc-java build' "$why"
    return 1
}

# node_packages NAME@VERSION...: leaves the directory that contains them in NODE_PACKAGES.
node_packages() {
    export NODE_PACKAGES=$cache/node
    needs node 'runs them' && needs npm 'installs them' || return
    has_node_packages "$@" ||
        installing "$*" npm install --prefix "$NODE_PACKAGES" --ignore-scripts --no-audit --no-fund "$@"
}

has_node_packages() {
    node -e '
        for (const wanted of process.argv.slice(1)) {
            const [, name, version] = /^(.*)@(.*)$/.exec(wanted);
            const found = require(`${process.env.NODE_PACKAGES}/node_modules/${name}/package.json`).version;
            if (!found.startsWith(`${version}.`)) process.exit(1);
        }' "$@" 2>/dev/null
}

# python_packages NAME==VERSION.*...: leaves an interpreter that has them in PYTHON.
python_packages() {
    PYTHON=$cache/python/bin/python
    has_python_packages "$@" && return
    needs python3 "$* is installed with" || return
    # An interpreter that does not start belongs to a Python that was removed.
    "$PYTHON" -c '' 2>/dev/null || installing 'a virtual environment of Python' python3 -m venv --clear "$cache/python" || return
    installing "$*" "$PYTHON" -m pip install --quiet --disable-pip-version-check "$@"
}

# descriptors: leaves a file with the descriptors of the contract and its imports in DESCRIPTORS.
descriptors() {
    export DESCRIPTORS=$scratch/longsync.binpb
    [[ -e $DESCRIPTORS ]] && return
    python_packages 'grpcio-tools==1.*' || return
    quietly "$PYTHON" -m grpc_tools.protoc --proto_path="$root/proto" --include_imports \
        --descriptor_set_out="$DESCRIPTORS" longsync/v1/longsync.proto
}

has_python_packages() {
    "$PYTHON" -c '
import sys
from importlib.metadata import version
for name, wanted in (package.split("==") for package in sys.argv[1:]):
    assert version(name).startswith(wanted.removesuffix("*"))' "$@" 2>/dev/null
}
