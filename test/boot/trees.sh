#!/bin/bash
# Makes the Debian trees that images of machines to boot are made from, and keeps them in
# ${MANDOS_BOOT_CACHE:-/var/cache/mandos-ts-test/boot}: they are made once, and again when what is in them changes.
#   trees.sh NAME...    base, original (with the original's client), dracut, clevis
# Prints the directory of each. Root only; takes one to three minutes for each that is not there yet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != --private ]; then
  exec unshare --mount --propagation private bash "$here/trees.sh" --private "$@"
fi
shift
# shellcheck source=test/boot/tree-lib.sh
. "$here/tree-lib.sh"

readonly RELEASE=bookworm
# Longer than this, and the mirror is to blame: say so instead of waiting for ever.
readonly LIMIT_SECONDS=1500
# The cloud kernel has virtio, dm-crypt and AES as modules. Most of the rest is what every encrypted machine has;
# binutils is what this project's package depends on beside that, and dpkg does not download.
readonly BASE=linux-image-cloud-amd64,initramfs-tools,cryptsetup-initramfs,busybox,iproute2,zstd,kmod,udev,e2fsprogs,binutils
cache=${MANDOS_BOOT_CACHE:-/var/cache/mandos-ts-test/boot}

# What a tree is made of: it is made again when this is another line.
recipe() {
  case $1 in
    base) echo "1 $RELEASE $BASE" ;;
    original) echo "1 $(recipe base) + mandos-client" ;;
    dracut) echo "1 $(recipe base) + dracut systemd" ;;
    clevis) echo "1 $(recipe base) + clevis clevis-luks clevis-initramfs tang curl" ;;
    *) say "there is no tree called $1" && return 2 ;;
  esac
}

# The mirror that this machine's apt uses; without one, debootstrap's own.
mirror() {
  # shellcheck disable=SC2016 # apt-get's own, not the shell's
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $RELEASE" 2>/dev/null | head -n 1
}

download_failed() {
  say "$1 failed or took longer than $LIMIT_SECONDS s. If that is the Debian mirror, try again later, or put a tree" \
    "made elsewhere into $cache"
  return 1
}

bootstrap() {
  local mirror
  mirror=$(mirror)
  quiet timeout "$LIMIT_SECONDS" debootstrap --variant=minbase --include="$BASE" "$RELEASE" "$1" \
    ${mirror:+"$mirror"} || download_failed debootstrap
}

add_packages() {
  local tree=$1 name=$2
  shift 2
  cp -a "$cache/$name" "$tree"
  mount_around "$tree"
  rm -f "$tree/etc/resolv.conf"
  cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
  chmod 755 "$tree/usr/sbin/policy-rc.d"
  quiet in_tree "$tree" timeout "$LIMIT_SECONDS" apt-get --quiet update || download_failed 'apt-get update'
  quiet in_tree "$tree" timeout "$LIMIT_SECONDS" apt-get --quiet --yes --no-install-recommends \
    install "$@" || download_failed "installing $*"
  umount -R "$tree/proc" "$tree/sys" "$tree/run" "$tree/tmp" "$tree/dev"
}

make_tree() {
  local name=$1 tree=$2
  case $name in
    base) bootstrap "$tree" ;;
    original) add_packages "$tree" base mandos-client ;;
    dracut) add_packages "$tree" base dracut systemd ;;
    clevis) add_packages "$tree" base clevis clevis-luks clevis-initramfs tang curl ;;
  esac
  # Nothing that a boot needs, and half of the size.
  rm -rf "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/* \
    "$tree"/usr/share/{doc,man,locale,info}/*
}

tree() {
  local name=$1 recipe started=$SECONDS
  recipe=$(recipe "$name")
  [ "$name" = base ] || tree base >/dev/null
  if [ "$(cat "$cache/$name/.recipe" 2>/dev/null)" != "$recipe" ]; then
    say "making the Debian tree \"$name\" in $cache (once)"
    rm -rf "$cache/$name.new" "${cache:?}/$name"
    unfinished=$cache/$name.new
    make_tree "$name" "$unfinished"
    echo "$recipe" >"$unfinished/.recipe"
    mv "$unfinished" "$cache/$name"
    unfinished=
    say "the tree \"$name\" took $((SECONDS - started)) s"
  fi
  echo "$cache/$name"
}

unfinished=
remove_unfinished() {
  [ -n "$unfinished" ] || return 0
  umount --recursive --quiet "$unfinished"/{proc,sys,run,tmp,dev}
  rm -rf --one-file-system "$unfinished"
}
trap remove_unfinished EXIT
trap 'exit 1' INT TERM HUP

mkdir -p "$cache"
exec {lock}>"$cache/.lock"
flock "$lock"
for name in "$@"; do tree "$name"; done
