#!/bin/busybox sh
# The network hooks with a kernel that has everything: VLANs, bonds, WireGuard. Runs as init of a virtual machine that
# run-in-guest.sh starts, prints "ok" or "FAILED" lines, and ends the machine. Which parts is said by PARTS=a,b on the
# kernel's command line.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /run
mount -t tmpfs none /tmp
echo 1 >/proc/sys/kernel/printk
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
for module in veth bridge 8021q wireguard af_packet; do modprobe "$module" || echo "FAILED: modprobe $module"; done

hooks=/lib/mandos/network-hooks.d
export MANDOSNETHOOKDIR=$hooks DELAY=5 VERBOSITY=0 DEVICE=
PARTS=$(echo "${PARTS:?}" | tr , ' ')
failures=0
ok() { echo "ok: $*"; }
failed() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# A peer with two ports of a switch, which has VLAN 5 too.
ip netns add peer
ip link set lo up
for i in 0 1; do
  ip link add "eth$i" address "02:00:00:00:00:0$i" type veth peer name "p$i"
  ip link set "p$i" netns peer
done
peer() { ip netns exec peer "$@"; }
peer ip link add switch type bridge forward_delay 0
for i in 0 1; do
  peer ip link set "p$i" master switch
  peer ip link set "p$i" up
done
peer ip link set switch up
peer ip address add 192.0.2.1/24 dev switch
peer ip link add switch.5 link switch type vlan id 5
peer ip link set switch.5 up
peer ip address add 10.5.0.1/24 dev switch.5

# What cannot be undone, for sed.
changes=
snapshot() {
  ip -details address | sed -e 's/ qdisc [^ ]*//' -e "$changes"
  ip -details route
  ip -details -6 route
  ls -R /run
  # shellcheck disable=SC2009 # busybox has this
  ps -o comm | grep -E 'sleep|wireguard|ipconfig'
}

same_as_before() { # WHAT
  tries=0
  while [ $tries -lt 100 ]; do
    snapshot >/tmp/after
    if cmp -s /tmp/before /tmp/after; then return 0; fi
    tries=$((tries + 1))
    sleep 0.2
  done
  failed "$1: the state is not as before"
  diff /tmp/before /tmp/after
  return 1
}

reaches() { # ADDRESS WHAT
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if ping -c 1 -W 1 "$1" >/dev/null 2>&1; then
      ok "$2: reaches $1"
      return
    fi
  done
  failed "$2: does not reach $1"
  ip -details address
}

# round HOOK ADDRESS WHAT: start twice, traffic, stop; then killed at each of its calls.
round() {
  hook=$1 address=$2 what=$3
  snapshot >/tmp/before
  "$hooks/$hook" start || failed "$what: start"
  reaches "$address" "$what"
  "$hooks/$hook" start || failed "$what: second start"
  "$hooks/$hook" stop || failed "$what: stop"
  same_as_before "$what" && ok "$what: the state after stop is the state before"
  killed_at_each_call
  "$hooks/$hook" stop || failed "$what: stop without start"
}

killed_at_each_call() {
  at=1
  while :; do
    echo 0 >/tmp/count
    KILL_AT=$at "$hooks/$hook" start >/tmp/output 2>&1
    status=$?
    "$hooks/$hook" stop || failed "$what: stop after a kill at call $at"
    same_as_before "$what, killed at call $at" || return
    [ "$status" = 137 ] || break
    at=$((at + 1))
  done
  [ "$status" = 0 ] || failed "$what: ends with status $status: $(cat /tmp/output)"
  ok "$what: killed at each of $((at - 1)) calls, the state after stop is the state before"
}

# The call at which the hook is killed outlives it.
mkdir /tmp/counted
for program in ip wg modprobe; do
  cat >"/tmp/counted/$program" <<END
#!/bin/sh
PATH=\${PATH#*:}
read -r count </tmp/count
count=\$((count + 1))
echo \$count >/tmp/count
if [ "\$count" = "\$KILL_AT" ]; then
  kill -KILL "\$KILL_PID"
  sleep 0.1
fi
exec $program "\$@"
END
  chmod 755 "/tmp/counted/$program"
done
configure() { # HOOK SETTINGS
  # shellcheck disable=SC2016 # of the hook
  printf '%s\n' 'if [ -n "${KILL_AT-}" ]; then PATH=/tmp/counted:$PATH; export PATH KILL_PID=$$; fi' "$2" \
    >"$hooks/$1.conf"
}

# --- Bridge
part_bridge() {
  configure bridge 'BRIDGE=br0
PORT_ADDRESSES="02:00:00:00:00:00"
IPADDRS="192.0.2.2/24 2001:db8::2/64"
ROUTES=198.51.100.0/24'
  round bridge 192.0.2.1 bridge
}

# --- VLAN
part_vlan() {
  configure vlan 'NAME=eth0.5
PARENT=02:00:00:00:00:00
ID=5
IPADDRS=10.5.0.2/24
ROUTES=default@10.5.0.1'
  round vlan 10.5.0.1 vlan

  ip link set eth0 up
  sleep 2
  round vlan 10.5.0.1 'vlan on a card that is up'
  ip link set eth0 down

  configure vlan 'NAME_0=eth0.5
PARENT_0=eth0
ID_0=5
IPADDRS_0=10.5.0.2/24
NAME_1=eth1.6
PARENT_1=eth1
ID_1=6
IPADDRS_1=10.6.0.2/24'
  round vlan 10.5.0.1 'two vlans'
}

# --- Bond
part_bond() {
  configure bond 'NAME=bond0
SLAVES="02:00:00:00:00:00 02:00:00:00:00:01"
IPADDRS="192.0.2.2/24 2001:db8::2/64"'
  round bond 192.0.2.1 'bond, before the module is loaded'
  ip link set eth1 up
  sleep 2
  round bond 192.0.2.1 'bond with a card that is up'
  ip link set eth1 down
  configure bond 'NAME_0=bond7
BONDMODE_0=balance-xor
MIIMON_0=50
OPTIONS_0="xmit_hash_policy layer3+4"
SLAVES_0=eth0
IPADDRS_0=192.0.2.2/24'
  round bond 192.0.2.1 'bond in another mode with options'
  configure bond 'NAME=bond7
SLAVES="eth0 eth1"'
  ip link set eth1 up
  ip address add 203.0.113.1/24 dev eth1
  snapshot >/tmp/before
  if "$hooks/bond" start 2>/tmp/output; then failed 'bond with a card that is in use: no error'; fi
  grep -q 'mandos-hook bond: eth1 is in use' /tmp/output && ok "bond: $(cat /tmp/output)"
  "$hooks/bond" stop
  same_as_before 'bond with a card that is in use' && ok 'bond: a card in use is left alone'
  ip address flush dev eth1
  ip link set eth1 down
  rmmod bonding
}

# --- The bond0 that the module makes by itself
part_spare() {
  # The kernel gives a bond without members another random address, and it keeps a limit of its members.
  changes='/ bond0:/{n;s/ether [^ ]*/ether random/};s/tso_max_size [0-9]*//'
  modprobe bonding max_bonds=1
  [ -e /sys/class/net/bond0 ] || failed 'bond0 of the module'
  configure bond 'NAME=bond0
SLAVES="eth0 eth1"
IPADDRS=192.0.2.2/24'
  round bond 192.0.2.1 "bond0 of the module's own"
  rmmod bonding
  changes=
}

# --- VLAN on a bond: stopped in reverse order
part_stack() {
  configure bond 'NAME=bond0
SLAVES="eth0 eth1"'
  configure vlan 'NAME=bond0.5
PARENT=bond0
ID=5
IPADDRS=10.5.0.2/24'
  snapshot >/tmp/before
  "$hooks/bond" start || failed 'vlan on a bond: bond'
  "$hooks/vlan" start || failed 'vlan on a bond: vlan'
  reaches 10.5.0.1 'vlan on a bond'
  "$hooks/vlan" stop
  "$hooks/bond" stop
  same_as_before 'vlan on a bond' && ok 'vlan on a bond: the state after stop is the state before'
}

# --- DHCP
part_dhcp() {
  peer udhcpd -S /etc/udhcpd.conf
  configure bridge 'BRIDGE=br0
PORT_ADDRESSES=eth0
IPADDRS=dhcp'
  snapshot >/tmp/before
  "$hooks/bridge" start || failed 'dhcp: start'
  reaches 192.0.2.1 'bridge with dhcp'
  "$hooks/bridge" stop || failed 'dhcp: stop'
  same_as_before dhcp && ok 'bridge with dhcp: the state after stop is the state before'
}

# --- WireGuard of the kernel
part_wireguard() {
  umask 077
  wg genkey >/tmp/peer.key
  wg genkey >$hooks/wireguard.key
  peer ip link add wg0 type wireguard
  peer wg set wg0 private-key /tmp/peer.key listen-port 51820 peer "$(wg pubkey <$hooks/wireguard.key)" \
    allowed-ips 10.9.0.2/32,fe80::2/128
  peer ip address add 10.9.0.1/24 dev wg0
  peer ip link set wg0 up
  ip link set eth0 up
  ip address add 192.0.2.2/24 dev eth0
  sleep 2
  configure wireguard "NAME=wg0
PRIVATE_KEY=wireguard.key
PEER=$(wg pubkey </tmp/peer.key)
ENDPOINT=192.0.2.1:51820
IPADDRS='10.9.0.2/24 fe80::2/64'
KEEPALIVE=1"
  round wireguard 10.9.0.1 wireguard
}

for part in $PARTS; do "part_$part"; done
echo "RESULT: $failures failures"
poweroff -f
