# shellcheck shell=sh
# What the network hooks of this directory have in common; they read this file, it is not run.
#
# They run where there may be little more than a shell (dash, or those of busybox and klibc), mkdir, rm and sleep, so
# that all else is done with the shell's own means, /sys and ip(8).
#
# "stop" leaves everything as "start" has found it, also when "start" was killed halfway or has changed its
# configuration meanwhile. For that "start" keeps
# - a journal: BEFORE it changes anything it writes down how to undo that; undoing what has not happened does no harm;
# - a lock file, open as descriptor 9 in the hook and in all that it starts: who has it open is to be ended by "stop".
#
# A hook calls read_mode, looks at its settings, and does what $mode says: "start" between open_journal and
# close_journal.

hook=${0##*/}
# Also under another name a hook has a .conf and a state of its own: the same hook may be there several times, in the
# order of the names.
hook_dir=${MANDOSNETHOOKDIR:-${0%/*}}
conf=$hook_dir/$hook.conf
state_dir=/run/mandos-network-hooks
journal=$state_dir/$hook.journal
lock=$state_dir/$hook.lock
sys=/sys/class/net
newline='
'
failed=0
umask 077
PATH=/usr/sbin:/sbin:${PATH:-/usr/bin:/bin}

say() {
  echo "mandos-hook $hook: $*" >&2
}

verbose() {
  if [ "${VERBOSITY:-0}" != 0 ]; then say "$@"; fi
}

# What can go on goes on, such as a bridge with one of two ports; the exit status tells.
fail() {
  say "$@"
  failed=1
  return 1
}

# try COMMAND...: quiet when it succeeds, one line when it does not.
try() {
  verbose "$*"
  output=$("$@" 2>&1) || fail "$*: ${output%%"$newline"*}"
}

# program NAME: sets $found to its path. Not with "command -v": busybox's shell may answer with an applet.
program() {
  old_ifs=$IFS
  IFS=:
  for found in $PATH; do
    found=$found/$1
    if [ -f "$found" ] && [ -x "$found" ]; then
      IFS=$old_ifs
      return 0
    fi
  done
  IFS=$old_ifs
  found=
  fail "there is no program $1 here${2:+: it is in the package $2}"
}

# print_program NAME PACKAGE: for "files".
print_program() {
  if program "$@"; then echo "$found"; fi
}

# print_file FILE: for "files". What is in the hook directory is copied without that, but only from the directory
# itself; it is somewhere else in the image.
print_file() {
  locate "$1" || return
  case $1 in
    "$hook_dir"/*) ;;
    /*) echo "$1" ;;
  esac
}

# locate FILE: sets $found to the path of a file that is named in a .conf.
locate() {
  found=$1
  case $1 in
    /*) ;;
    */*) fail "$conf: put $1 directly into $hook_dir, or give its full path" || return ;;
    *[!A-Za-z0-9_.-]*) fail "$conf: the name $1 may have only letters, digits and _.-" || return ;;
    *) found=$hook_dir/$1 ;;
  esac
  [ -r "$found" ] || fail "$conf: there is no file $found"
}

# --- What the .conf says

read_conf() {
  [ -r "$conf" ] || return 0
  # A syntax error ends the shell.
  trap 'say "$conf cannot be read: see the message above"; exit 1' 0 # EXIT in POSIX: klibc's does not know it
  # shellcheck source=/dev/null
  . "$conf"
  trap - 0
}

# suffixes NAME: sets $suffixes to those of the settings NAME and NAME_x in the .conf: "-" for none, "_x"...
suffixes() {
  suffixes=
  [ -r "$conf" ] || return 0
  while read -r line || [ -n "$line" ]; do
    case $line in
      "$1="*) suffix=- ;;
      "$1"_*=*)
        suffix=${line#"$1"}
        suffix=${suffix%%=*}
        case $suffix in *[!A-Za-z0-9_]*) continue ;; esac
        ;;
      *) continue ;;
    esac
    case " $suffixes " in *" $suffix "*) ;; *) suffixes="$suffixes $suffix" ;; esac
  done <"$conf"
}

# setting NAME SUFFIX [DEFAULT]: sets $value.
setting() {
  eval "value=\${$1${2#-}:-\${3-}}"
}

# in_device NAME: whether the interface is one that the client is to use.
in_device() {
  case ${DEVICE:+",$DEVICE,"} in
    '' | *,"$1",*) return 0 ;;
    *) return 1 ;;
  esac
}

# valid_name NAME SETTING: whether it can be an interface's.
valid_name() {
  case $1 in
    '' | . | .. | *[!A-Za-z0-9_.@-]* | ????????????????*)
      fail "$conf: $2 is not the name of an interface: '$1'"
      ;;
  esac
}

# tenths SECONDS: sets $tenths; 2.5 s when it is not a number.
tenths() {
  tenths=25
  case $1 in
    '' | . | *[!0-9.]* | *.*.* | ?????????*) return ;;
    *.*) tenths=${1#*.}0 ;;
    *) tenths=0 ;;
  esac
  tenths=${1%%.*}${tenths%"${tenths#?}"}
  while :; do
    case $tenths in
      0?*) tenths=${tenths#0} ;; # else it would be octal
      *) return ;;
    esac
  done
}

# wait_until TENTHS COMMAND...: asks again until the command succeeds or the time is over.
wait_until() {
  left=$1
  shift
  until "$@"; do
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.1
  done
}

# --- Interfaces

exists() {
  [ -e "$sys/$1" ]
}

is_up() {
  exists "$1" && read -r flags <"$sys/$1/flags" && [ $((flags & 1)) -eq 1 ]
}

has_ipv4() {
  [ -n "$("$ip" -o -4 address show dev "$1" 2>/dev/null)" ]
}

# index_of NAME: sets $index, which stays the same when an interface is renamed.
index_of() {
  exists "$1" && read -r index <"$sys/$1/ifindex"
}

# name_of INDEX: sets $name; fails when the interface is gone.
name_of() {
  for name in "$sys"/*/ifindex; do
    read -r index <"$name" || continue
    if [ "$index" = "$1" ]; then
      name=${name%/ifindex}
      name=${name##*/}
      return 0
    fi
  done 2>/dev/null
  return 1
}

lower() {
  lowered=$1
  while :; do
    case $lowered in
      *A*) lowered=${lowered%%A*}a${lowered#*A} ;;
      *B*) lowered=${lowered%%B*}b${lowered#*B} ;;
      *C*) lowered=${lowered%%C*}c${lowered#*C} ;;
      *D*) lowered=${lowered%%D*}d${lowered#*D} ;;
      *E*) lowered=${lowered%%E*}e${lowered#*E} ;;
      *F*) lowered=${lowered%%F*}f${lowered#*F} ;;
      *) return ;;
    esac
  done
}

# find_interface ADDRESS|NAME: sets $found. An address may be shared by a card and what stands on it: then it is the
# card that is meant, or the bond that the card belongs to.
find_interface() {
  found=$1
  case $1 in
    *:*) ;;
    *) exists "$1"; return ;;
  esac
  lower "$1"
  for found in "$sys"/*/address; do
    read -r address <"$found" || continue
    found=${found%/address}
    if [ "$address" = "$lowered" ] && ! [ -e "$found/master" ] && ! is_upper "$found"; then
      found=${found##*/}
      return 0
    fi
  done 2>/dev/null
  found=
  return 1
}

is_upper() {
  while read -r line; do
    case $line in
      DEVTYPE=vlan | DEVTYPE=bridge | DEVTYPE=macvlan) return 0 ;;
    esac
  done <"$1/uevent"
  return 1
}

# await_interface ADDRESS|NAME: drivers may be slow. Sets $found.
await_interface() {
  tenths "${DELAY:-}"
  wait_until "$tenths" find_interface "$1" || fail "no interface $1 after ${DELAY:-2.5} s"
}

# --- Changes, each written down before it is made

record() {
  echo "$*" >>"$journal" || {
    say "cannot write $journal: nothing more is changed"
    exit 1
  }
}

record_state() {
  index_of "$1" || return
  if is_up "$1"; then state=up; else state=down; fi
  if has_ipv4 "$1"; then state="$state ipv4"; fi
  record state "$index" "$state"
}

bring_up() {
  is_up "$1" && return
  record_state "$1"
  try "$ip" link set dev "$1" up
}

# create NAME IP-ARGUMENTS...
create() {
  created=$1
  shift
  record link "$created"
  try "$ip" link add name "$created" "$@"
}

# set_master PORT MASTER
set_master() {
  index_of "$1" || return
  record port "$index"
  try "$ip" link set dev "$1" master "$2"
}

# add_addresses NAME ADDRESSES: ADDRESS/LENGTH ..., or dhcp.
add_addresses() {
  index_of "$1" || return
  for address in $2; do
    if [ "$address" = dhcp ]; then
      ask_dhcp "$1"
    elif [ -z "$("$ip" -o address show dev "$1" to "${address%/*}" 2>/dev/null)" ]; then
      record address "$index" "$address"
      try "$ip" address add "$address" dev "$1"
    fi
  done
}

# add_routes NAME ROUTES: PREFIX or PREFIX@GATEWAY ...
add_routes() {
  index_of "$1" || return
  for route in $2; do
    prefix=${route%@*}
    case $route in *:*) family=-6 ;; *) family=-4 ;; esac
    # The route of an address's own network is there already.
    if [ -z "$("$ip" "$family" route show exact "$prefix" dev "$1" 2>/dev/null)" ]; then
      record route "$index" "$family" "$prefix"
      case $route in
        *@*) try "$ip" "$family" route add "$prefix" via "${route#*@}" dev "$1" ;;
        *) try "$ip" "$family" route add "$prefix" dev "$1" ;;
      esac
    fi
  done
}

# How long a DHCP server may take: without a limit ipconfig would ask for ever.
dhcp_limit_s=10

ask_dhcp() {
  PATH=$PATH:/usr/lib/klibc/bin program ipconfig klibc-utils || return
  record addresses "$index" "$(list_ipv4 "$1")"
  [ -e "/run/net-$1.conf" ] || record file "/run/net-$1.conf"
  "$found" -t "$dhcp_limit_s" -c dhcp -d "$1" >/dev/null 2>&1 || fail "$1: no answer of a DHCP server"
}

list_ipv4() {
  "$ip" -o -4 address show dev "$1" | while read -r _ _ _ address _; do echo "$address"; done
}

# --- Undoing

# undo LINE...: as it stands in the journal. Fails when it could not be done; what is gone needs no undoing.
undo() {
  case $1 in
    link)
      if exists "$2"; then try "$ip" link delete dev "$2"; fi
      return
      ;;
    file) rm -rf "$2"; return ;;
    directory) rmdir "$2" 2>/dev/null; return 0 ;;
    complete) return 0 ;;
  esac
  name_of "$2" || return 0
  case $1 in
    port) if [ -e "$sys/$name/master" ]; then try "$ip" link set dev "$name" nomaster; fi ;;
    mode) try "$ip" link set dev "$name" mode default ;;
    address) "$ip" address del "$3" dev "$name" 2>/dev/null || return 0 ;;
    route) "$ip" "$3" route del "$4" dev "$name" 2>/dev/null || return 0 ;;
    addresses) undo_dhcp "$@" ;;
    state) undo_state "$3" "${4-}" ;;
    *) undo_more "$@" ;; # a hook's own
  esac
}

# undo_dhcp addresses INDEX BEFORE...
undo_dhcp() {
  shift 2
  for address in $(list_ipv4 "$name"); do
    case " $* " in *" $address "*) ;; *) try "$ip" address del "$address" dev "$name" ;; esac
  done
}

# undo_state up|down [ipv4]
undo_state() {
  if [ "$1" = up ]; then
    is_up "$name" || try "$ip" link set dev "$name" up
  elif is_up "$name"; then
    # Who has given it an address meanwhile (ip=dhcp) is using it.
    if [ -z "$2" ] && has_ipv4 "$name"; then return 0; fi
    try "$ip" link set dev "$name" down
  fi
}

holders() {
  holders=
  for process in /proc/[0-9]*; do
    # shellcheck disable=SC3013 # dash, busybox and klibc have -ef
    if [ "$process/fd/9" -ef "$lock" ]; then holders="$holders ${process#/proc/}"; fi
  done
  [ -n "$holders" ]
}

no_holders() {
  ! holders
}

# Tenths of a second: a daemon takes its interface down, and what a killed start has left behind comes to its end.
# Together below the five seconds that mandos-client gives "stop".
term_limit=20
kill_limit=10

end_processes() {
  [ -e "$lock" ] && holders || return 0
  # shellcheck disable=SC2086 # several words
  kill -TERM $holders 2>/dev/null
  wait_until "$term_limit" no_holders && return
  # shellcheck disable=SC2086
  kill -KILL $holders 2>/dev/null
  wait_until "$kill_limit" no_holders || fail "cannot end the processes$holders"
}

stop_hook() {
  [ -d "$state_dir" ] || return 0
  end_processes || return
  if [ -s "$journal" ]; then
    program ip iproute2 || return
    ip=$found
    backwards=
    while read -r line; do backwards=$line$newline$backwards; done <"$journal"
    undone=0
    while read -r line; do
      verbose "undo: $line"
      # shellcheck disable=SC2086 # several words
      [ -z "$line" ] || undo $line || undone=1
    done <<EOT
$backwards
EOT
    # It may work the next time.
    [ "$undone" = 0 ] || return 1
  fi
  rm -f "$journal" "$lock"
  rmdir "$state_dir" 2>/dev/null # when no other hook needs it
  return 0
}

# A hook that needs more overrides it.
undo_more() {
  fail "$journal is damaged: $*"
}

make_state_dir() {
  mkdir -m 0700 "$state_dir" 2>/dev/null || [ -d "$state_dir" ] || fail "cannot make $state_dir"
}

# Ends the hook here when it is started already.
open_journal() {
  program ip iproute2 || exit
  ip=$found
  make_state_dir || exit
  if [ -s "$journal" ]; then
    while read -r line; do
      if [ "$line" = complete ]; then
        verbose "is started already"
        exit 0
      fi
    done <"$journal"
    # An earlier start did not come to its end.
    stop_hook && make_state_dir || exit
  fi
  exec 9>"$lock"
}

close_journal() {
  if [ "$failed" = 0 ]; then record complete; fi
}

# read_mode ARGUMENT: sets $mode, and reads the .conf. "stop" ends here: the journal says all.
read_mode() {
  mode=${1:-${MODE-}}
  case $mode in
    start | files | modules) read_conf ;;
    stop)
      stop_hook || failed=1
      exit "$failed"
      ;;
    *)
      say "give one of these: start, stop, files, modules"
      exit 64
      ;;
  esac
}

# print_dhcp_module ADDRESSES: ipconfig has a packet socket.
print_dhcp_module() {
  case " $1 " in *" dhcp "*) echo af_packet ;; esac
}
