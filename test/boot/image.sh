#!/bin/bash
# Makes what a machine boots from: kernel, initial RAM disk image and encrypted disks.
#   image.sh TREE IN OUT PASSWORD_FILE [VOLUME...]
# TREE is a directory of trees.sh, and stays as it is. IN has `setup`, a script that is run in a copy of the tree: it
# installs what is to be tested and makes the image; the rest of IN is /mnt/in there. OUT gets vmlinuz, initrd, a disk
# VOLUME.img for each volume (default: root), and whatever setup puts into /mnt/out. If IN has `finish`, that is run at
# last, with the disks in /mnt/disks.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" != --private ]; then
  exec unshare --mount --propagation private bash "$here/image.sh" --private "$@"
fi
shift
# shellcheck source=test/boot/tree-lib.sh
. "$here/tree-lib.sh"
base=$1 in=$2 out=$3 password=$4
shift 4
[ $# -gt 0 ] || set -- root

# LUKS takes this much of the front of a disk.
readonly LUKS_BYTES=32M
uuid() { printf '00000000-0000-4000-8000-0000000000%02x' "$1"; }

# Everything that is written is in memory, and goes with the mount namespace.
scratch=$out/scratch
mkdir -p "$scratch"
mount -t tmpfs -o mode=755 tmpfs "$scratch"
mkdir "$scratch"/{upper,work,tree}
tree=$scratch/tree
mount -t overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$tree"
mount_around "$tree"
mkdir -p "$tree/mnt/in" "$tree/mnt/out" "$scratch/out"
mount --bind "$in" "$tree/mnt/in"
mount --bind "$scratch/out" "$tree/mnt/out"

: >"$tree/etc/crypttab"
number=0
for volume in "$@"; do
  number=$((number + 1))
  echo "$volume UUID=$(uuid "$number") none luks,initramfs" >>"$tree/etc/crypttab"
done
echo '/dev/mapper/root / ext4 ro 0 1' >"$tree/etc/fstab"
echo machine >"$tree/etc/hostname"

quiet in_tree "$tree" /bin/sh -e /mnt/in/setup
image=$(ls "$tree"/boot/initrd.img-*)
[ -n "$(find "$image" -newer "$tree/etc/crypttab")" ] || { say "setup made no initrd" && exit 1; }
cp "$tree"/boot/vmlinuz-* "$out/vmlinuz"
cp "$image" "$out/initrd"
cp -a "$scratch/out/." "$out/"

number=0
for volume in "$@"; do
  number=$((number + 1))
  files=$scratch/files-$volume
  mkdir -p "$files"/{bin,sbin,dev,proc,sys,run,etc,tmp,usr}
  echo 'ID=machine' >"$files/etc/os-release" # without it systemd does not switch to a root
  cp "$tree/bin/busybox" "$files/bin/"
  for library in $(in_tree "$tree" ldd /bin/busybox | grep -o '/lib[^ ]*'); do
    mkdir -p "$files${library%/*}"
    cp "$tree$library" "$files$library"
  done
  install -m 755 "$here/root-init" "$files/sbin/init"
  echo "$volume" >"$files/etc/volume"
  disk=$out/$volume.img
  quiet mke2fs -q -t ext4 -O ^has_journal -d "$files" "$disk" 24M
  truncate --size="+$LUKS_BYTES" "$disk"
  # Little work for the key, as the processor is emulated.
  quiet cryptsetup reencrypt --encrypt --type luks2 --reduce-device-size "$LUKS_BYTES" --cipher aes-xts-plain64 \
    --key-size 256 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid "$(uuid "$number")" --batch-mode \
    --key-file "$password" --resilience none --disable-locks "$disk"
done
# What needs the disks, such as another key for them.
if [ -e "$in/finish" ]; then
  mkdir "$tree/mnt/disks"
  mount --bind "$out" "$tree/mnt/disks"
  quiet in_tree "$tree" /bin/sh -e /mnt/in/finish
fi
umount --recursive "$scratch"
rmdir "$scratch"
