# shellcheck shell=bash
# Sourced by trees.sh and image.sh: running programs in a Debian tree, in a mount namespace of the caller's own.

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

say() { echo "boot test: $*" >&2; }

# Says what a command wrote only when it fails.
quiet() {
  local log
  log=$(mktemp)
  "$@" >"$log" 2>&1 || {
    local status=$?
    tail -n 60 "$log" >&2
    rm -f "$log"
    return "$status"
  }
  rm -f "$log"
}

# What packages' scripts need around them. Nothing of it is seen outside of the mount namespace.
mount_around() {
  local tree=$1 node
  mount -t proc proc "$tree/proc"
  mount -t sysfs -o ro sysfs "$tree/sys"
  mount -t tmpfs -o mode=755 tmpfs "$tree/run"
  mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
  for node in null zero full random urandom tty; do
    : >"$tree/dev/$node"
    mount --bind "/dev/$node" "$tree/dev/$node"
  done
  mkdir "$tree/dev/pts" "$tree/dev/shm"
  ln -s /proc/self/fd "$tree/dev/fd"
  ln -s fd/0 "$tree/dev/stdin"
  ln -s fd/1 "$tree/dev/stdout"
  ln -s fd/2 "$tree/dev/stderr"
}

in_tree() {
  local tree=$1
  shift
  env -i PATH="$PATH" LC_ALL="$LC_ALL" DEBIAN_FRONTEND="$DEBIAN_FRONTEND" HOME=/root TERM=dumb \
    chroot "$tree" "$@"
}
