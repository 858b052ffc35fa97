#!/bin/bash
# Installs what the tests' real peers need, on Debian and as root: from the second time on there is nothing to do.
# The original's client and cryptsetup's part of an initramfs are only unpacked: installed, they would put themselves into
# this machine's initramfs.
set -euo pipefail

packages=(
  mandos avahi-daemon avahi-utils dbus iproute2 gnupg gnutls-bin cryptsetup-bin fping openssh-client openssh-server
  openssl gcc libc6-dev libgnutls28-dev tmux util-linux bsdutils python3 python3-urwid procps man-db strace systemd zsh
  cpio zstd xz-utils lz4 bzip2 lzop binutils busybox shellcheck lintian debootstrap dpkg-dev
  faketime e2fsprogs
  qemu-system-x86 qemu-utils openvpn wireguard-tools wireguard-go wpasupplicant hostapd klibc-utils kmod
  libavahi-core7 libgpgme11 libnl-route-3-200 # the original's client is linked with these
)
client_tree=${MANDOS_CLIENT_TREE:-/var/cache/mandos-ts-test/mandos-client}
cryptsetup_tree=${CRYPTSETUP_TREE:-/var/cache/mandos-ts-test/cryptsetup}
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

# Downloads packages and unpacks them into a directory: unpack DIRECTORY PACKAGE...
unpack() (
  tree=$1
  shift
  echo "Unpacking $* into $tree (nothing of it is installed)"
  mkdir -p "$tree"
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  cd "$download"
  quiet apt-get --quiet -o APT::Sandbox::User=root download "$@"
  for file in *.deb; do dpkg -x "$file" "$tree"; done
)

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
has_client() { [ -e "$client_tree/usr/sbin/mandos-keygen" ]; }
has_cryptsetup() { [ -e "$cryptsetup_tree/lib/cryptsetup/askpass" ]; }
if [ ${#missing[@]} -eq 0 ] && has_client && has_cryptsetup; then
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
has_client || unpack "$client_tree" mandos-client
has_cryptsetup || unpack "$cryptsetup_tree" cryptsetup cryptsetup-initramfs
