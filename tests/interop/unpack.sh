#!/usr/bin/env bash
# Unpacks a Debian package, with the dependencies that this system lacks, into a directory: unpack.sh PACKAGE
# DIRECTORY. The system is not changed; the programs are started from DIRECTORY/run.
set -eu -o pipefail

package=$1 place=$2
rm -rf "$place"
mkdir -p "$place"
cd "$place"

names=$(apt-get install --simulate --no-install-recommends "$package" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
# Unquoted, so that each name is one word.
apt-get download $names
for archive in *.deb; do
    dpkg-deb --extract "$archive" .
    rm "$archive"
done

mkdir run
libraries=$(find "$PWD/usr" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd: -)
find "$PWD"/usr/{bin,sbin} -type f -perm -u+x 2>/dev/null | while read -r program; do
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$libraries" "$program" >"run/${program##*/}"
    chmod +x "run/${program##*/}"
done || true
