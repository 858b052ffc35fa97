#!/bin/sh
# Sourced by dracut's cmdline hook: what the kernel command line says, as options for the client (see the service).
# "mandos=off" is a condition of the units.

mandos_options=
mandos_add_option() {
    case "$1" in
        *[!]A-Za-z0-9_.:@%=/+[-]*) warn "mandos: $1 is ignored: it has characters that no address or interface has" ;;
        *) mandos_options="$mandos_options $1" ;;
    esac
}

for mandos_word in $(getargs mandos=); do
    case "$mandos_word" in
        off) ;;
        connect | connect:*)
            # Without it dracut configures the network of ip= only for a root file system on the network.
            mkdir -p /etc/cmdline.d
            echo rd.neednet=1 > /etc/cmdline.d/mandos.conf
            [ "$mandos_word" = connect ] || mandos_add_option "--connect=${mandos_word#connect:}"
            ;;
        *) warn "mandos: mandos=$mandos_word is unknown, try mandos=off or mandos=connect:ADDRESS:PORT" ;;
    esac
done

# The device comes after five colons, unless there are IPv6 addresses among them (dracut.cmdline(7)).
for mandos_word in $(getargs ip=); do
    case "$mandos_word" in
        *'['*) ;;
        *:*:*:*:*:?*)
            mandos_word=${mandos_word#*:*:*:*:*:}
            mandos_add_option "--interface=${mandos_word%%:*}"
            ;;
    esac
done

if [ -n "$mandos_options" ]; then
    echo "MANDOS_KERNEL_OPTIONS=\"${mandos_options# }\"" > /run/mandos-client-options ||
        warn "mandos: the options of the kernel command line are lost: /run cannot be written"
fi
unset mandos_word mandos_options
