#!/bin/bash
# Installs what the tests' real peers need, on Debian and as root: from the second time on there is nothing to do.
# The original's client is only unpacked: installed, it would put itself into this machine's initramfs.
set -euo pipefail

packages=(
  mandos avahi-daemon avahi-utils dbus iproute2 gnupg gnutls-bin cryptsetup-bin fping openssh-client openssh-server
  openssl gcc libc6-dev libgnutls28-dev tmux util-linux bsdutils python3 python3-urwid procps man-db strace systemd
  libavahi-core7 libgpgme11 libnl-route-3-200 # the original's client is linked with these
)
client_tree=${MANDOS_CLIENT_TREE:-/var/cache/mandos-ts-test/mandos-client}
policy=/usr/sbin/policy-rc.d

# Names of installed packages, and those that they stand for (libgpgme11 is libgpgme11t64 in newer releases).
installed_names() {
  dpkg-query --show --showformat '${db:Status-Abbrev} ${Package}, ${Provides}\n' |
    sed -n 's/^ii *//p' | sed 's/([^)]*)//g' | tr -d ' ' | tr , '\n'
}

missing_packages() {
  local installed
  installed=$(installed_names)
  for package in "${packages[@]}"; do
    grep -qxF "$package" <<<"$installed" || echo "$package"
  done
}

quiet() {
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    rm "$log"
    return 1
  }
  rm "$log"
}

mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -eq 0 ] && [ -e "$client_tree/usr/sbin/mandos-keygen" ]; then
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
quiet apt-get --quiet update
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing ${missing[*]} (no service is started)"
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy" # "action forbidden by policy": invoke-rc.d(8)
    chmod 755 "$policy"
  fi
  quiet apt-get --quiet --yes --no-install-recommends install "${missing[@]}"
fi
if [ ! -e "$client_tree/usr/sbin/mandos-keygen" ]; then
  echo "Unpacking the package mandos-client into $client_tree (it is not installed)"
  mkdir -p "$client_tree"
  (
    download=$(mktemp -d)
    trap 'rm -rf "$download"' EXIT
    cd "$download"
    quiet apt-get --quiet -o APT::Sandbox::User=root download mandos-client
    dpkg -x mandos-client_*.deb "$client_tree"
  )
fi
