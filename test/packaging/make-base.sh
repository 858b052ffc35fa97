#!/bin/bash
# Makes a Debian 12 to install packages in, with all that both the original's packages and ours depend on, and with the
# original's packages to be installed later without a network.
#   make-base.sh DIRECTORY    does nothing when it is there
set -euo pipefail

base=$1
here=$(cd "$(dirname "$0")" && pwd)
[ ! -e "$base" ] || exit 0

# Two runs at once would make it twice.
mkdir -p "$(dirname "$base")"
exec 9>"$base.lock"
flock 9
[ ! -e "$base" ] || exit 0

new=$base.new
rm -rf --one-file-system "$new"
debootstrap --variant=minbase bookworm "$new"
bash "$here/../support/nodejs-package.sh" "$new/var/cache/packages"
printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d" # "action forbidden by policy": invoke-rc.d(8)
chmod 755 "$new/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$new/etc/resolv.conf"
cat >"$new/root/prepare" <<'END'
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get -q update
apt-get -qy --no-install-recommends install /var/cache/packages/nodejs_*.deb \
  adduser binutils dbus fping iproute2 libgnutls30 systemd cryptsetup-initramfs initramfs-tools openssh-client \
  systemd-sysv avahi-daemon debconf dpkg-dev gnupg gnutls-bin openssl python3 python3-dbus python3-gi python3-urwid \
  libavahi-core7 libgpgme11 libnl-route-3-200
cd /var/cache/packages
apt-get -q -o APT::Sandbox::User=root download mandos mandos-client
rm nodejs_*.deb
apt-get clean
END
unshare --mount --pid --fork --kill-child bash -s "$new" <<'END'
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
chroot "$1" sh /root/prepare
END
rm "$new/root/prepare"
mv "$new" "$base"
