#!/bin/bash
# Makes a Debian package `nodejs` of the Node.js that runs the tests, for machines whose release has an older one:
#   node-package.sh NODE OUTPUT.deb
# It depends on the packages that this machine has NODE's libraries from, so dpkg checks it as any other.
set -euo pipefail
node=$(readlink -f "$1")
output=$2
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT

libraries=$(ldd "$node" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p')
# dpkg knows them by the name before /lib became a link to usr/lib, or by the one after.
depends=$(for library in $libraries; do
  library=$(readlink -f "$library")
  (dpkg-query --search "$library" "${library#/usr}" 2>/dev/null || true) | head -n 1
done | sed 's/[:,].*//' | sort -u | paste -sd, | sed 's/,/, /g')

install -D "$node" "$staged/usr/bin/node"
chmod 755 "$staged"
mkdir "$staged/DEBIAN"
cat >"$staged/DEBIAN/control" <<END
Package: nodejs
Version: $("$node" --version | sed 's/^v//')-0test1
Architecture: $(dpkg --print-architecture)
Maintainer: Boot tests <root@localhost>
Depends: $depends
Description: Node.js as on the machine that runs the tests
END
dpkg-deb --root-owner-group -Znone --build "$staged" "$output" >/dev/null
