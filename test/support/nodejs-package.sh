#!/bin/bash
# Makes a Debian package `nodejs` of this machine's Node.js, for test systems whose own is too old: Debian 12 has 18.
#   nodejs-package.sh DIRECTORY    prints the package's path; what is there already is used again
set -euo pipefail

directory=$1
node=$(command -v node)
version=$(node --version)
file=$directory/nodejs_${version#v}-0test_$(dpkg --print-architecture).deb

if [ ! -e "$file" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  install -D -m 755 "$(readlink -f "$node")" "$work/tree/usr/bin/node"
  mkdir "$work/tree/DEBIAN"
  cat >"$work/tree/DEBIAN/control" <<END
Package: nodejs
Version: ${version#v}-0test
Architecture: $(dpkg --print-architecture)
Maintainer: Tests <tests@packages.invalid>
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 5.2)
Description: this machine's Node.js, for tests
END
  mkdir -p "$directory"
  # Fast: it is installed once and read from a cache.
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/tree" "$work/package.deb" >/dev/null
  mv "$work/package.deb" "$file"
fi
echo "$file"
