#!/bin/bash
# Runs in-guest.sh in a virtual machine with Debian's kernel, without a disk and a network of its own.
#   bash test/network-hooks/run-in-guest.sh [bridge vlan bond spare stack dhcp wireguard]
# Needs qemu-system-x86, busybox, iproute2, wireguard-tools, klibc-utils, kmod and cpio. The exit status is 0 when all
# is well.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MANDOS_GUEST_KERNEL:-/var/cache/mandos-ts-test/hooks/kernel}
# Without hardware virtualisation on a busy machine everything takes some ten minutes.
TIMEOUT_SECONDS=3600
parts=${*:-bridge vlan bond spare stack dhcp wireguard}

if ! [ -d "$cache/boot" ]; then
  echo "Unpacking Debian's kernel into $cache (it is not installed)"
  download=$(mktemp -d)
  package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
  (cd "$download" && apt-get --quiet -o APT::Sandbox::User=root download "$package" >/dev/null)
  mkdir -p "$cache"
  dpkg -x "$download"/*.deb "$cache"
  rm -r "$download"
fi
kernel=$(echo "$cache"/boot/vmlinuz-*)
version=${kernel##*/vmlinuz-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,etc,var,lib/mandos,lib/modules/"$version"}
ln -s /run "$root/var/run"

with_libraries() { # PROGRAM TARGET
  cp -L "$1" "$root$2"
  { ldd "$1" 2>/dev/null || true; } | sed -n 's|[^/]*\(/[^ ]*\) (.*|\1|p' | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -Ln "$library" "$root$library"
  done
}
with_libraries "$(command -v busybox)" /bin/busybox
with_libraries "$(readlink -f "$(command -v ip)")" /usr/sbin/ip
with_libraries "$(command -v wg)" /usr/bin/wg
cp /usr/lib/klibc/bin/ipconfig "$root/usr/bin/ipconfig"
cp /lib/klibc-*.so "$root/lib/"
cp -r "$here/../../network-hooks.d" "$root/lib/mandos/network-hooks.d"
cp "$here/in-guest.sh" "$root/init"
chmod 755 "$root/init"
cat >"$root/etc/udhcpd.conf" <<END
interface switch
start 192.0.2.50
end 192.0.2.60
lease_file /tmp/leases
pidfile /tmp/udhcpd.pid
option subnet 255.255.255.0
END

modules=$cache/lib/modules/$version
cp "$modules"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
for tree in drivers/net/bonding drivers/net/wireguard drivers/net/veth.ko net/8021q net/bridge net/802 net/llc \
  net/packet net/tls net/ipv4 net/ipv6 crypto arch/x86/crypto lib/crypto; do
  if [ -e "$modules/kernel/$tree" ]; then
    mkdir -p "$root/lib/modules/$version/kernel/$(dirname "$tree")"
    cp -r "$modules/kernel/$tree" "$root/lib/modules/$version/kernel/$tree"
  fi
done
depmod -b "$root" "$version"
(cd "$root" && find . | cpio --quiet -o -H newc) >"$work/initrd"

console=$work/console
timeout "$TIMEOUT_SECONDS" qemu-system-x86_64 -accel tcg -machine q35 -cpu max -nodefaults -display none -serial stdio \
  -no-reboot -m 512 -kernel "$kernel" -initrd "$work/initrd" -nic none \
  -append "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off PARTS=${parts// /,}" </dev/null |
  sed -u 's|\r$||' | tee "$console"
grep -q '^RESULT: 0 failures$' "$console" && ! grep -q '^FAILED' "$console"
