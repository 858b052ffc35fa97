#!/bin/bash
# dracut module: puts the Mandos client, the Node.js that runs it and this machine's keys into an image with systemd.
# dracut calls the functions; what goes wrong leaves the client out and says so, and never fails the image.
# shellcheck disable=SC2154 # initdir, moddir, dracutsysrootdir, systemdsystemunitdir, SYSTEMCTL and hostonly are dracut's

KEYS=/etc/keys/mandos
SETTINGS=/etc/mandos
KEYS_IN_IMAGE=/conf/conf.d/mandos
PROGRAMS_IN_IMAGE=/lib/mandos

# called by dracut
check() {
    local name
    require_binaries node /usr/sbin/mandos-initramfs || return 1
    for name in seckey.txt tls-pubkey.pem tls-privkey.pem; do
        [[ -s $KEYS/$name ]] && continue
        derror "mandos: $KEYS/$name is missing: make the keys with \"mandos-keygen\", then run \"dracut --force\"."
        derror "mandos: the Mandos client is NOT in this image: the password must be typed at the next boot."
        return 1
    done
    if ! find_binary systemd-ask-password &> /dev/null; then
        derror "mandos: the client is left out: it answers systemd's password prompts, and systemd is not installed."
        return 1
    fi
    return 0
}

# called by dracut
depends() {
    echo systemd systemd-ask-password crypt
}

# called by dracut
installkernel() {
    local module
    # Wired networks, by what their drivers call, as every such driver does.
    dracut_instmods -o -P '.*/(wireless|isdn|uwb|team)/.*' -s 'eth_type_trans|register_virtio_device|usbnet_open' '=drivers/net'
    instmods '=drivers/net/mdio' '=drivers/net/phy' virtio_net ipv6 af_packet
    while read -r module; do
        # Not loaded now: the interface is made at boot.
        hostonly='' instmods "$module"
    done < <(each_hook_prints modules)
}

# The files in directory $1 that may be plugins, helpers or network hooks (mandos-client(8mandos), REQUIREMENTS): neither
# editors' and dpkg's leftovers nor hidden ones.
usable_files() {
    local file
    for file in "$1"/*; do
        case "${file##*/}" in
            *[!A-Za-z0-9_.-]* | *.dpkg-* | *.ucf-* | *.bak) continue ;;
        esac
        [[ -f $file ]] && echo "$file"
    done
}

# What the network hooks print when they are asked for $1 ("files", "modules").
each_hook_prints() {
    local hook
    usable_files "$SETTINGS/network-hooks.d" | while read -r hook; do
        [[ -x $hook ]] || continue
        # One that hangs must not hold up the upgrade of a kernel.
        MANDOSNETHOOKDIR="$SETTINGS/network-hooks.d" MODE="$1" VERBOSITY=0 \
            timeout --kill-after=1 10 "$hook" "$1" < /dev/null ||
            derror "mandos: network hook $hook failed when asked for its $1 (status $?): it may not work at boot."
    done
}

# The client's options in plugin-runner.conf (plugin-runner(8mandos)): there is no plugin runner under systemd.
configured_options() {
    local word plugin='' words=()
    [[ -f $SETTINGS/plugin-runner.conf ]] || return
    read -r -d '' -a words < <(sed 's/#.*//' "$SETTINGS/plugin-runner.conf")
    for word in "${words[@]}"; do
        case "$plugin$word" in
            --options-for | -o | --global-options | -g) plugin="$word=" ;;
            --options-for=mandos-client:* | -o=mandos-client:* | -omandos-client:*) plugin='' && echo "${word#*mandos-client:}" ;;
            --global-options=*) plugin='' && echo "${word#--global-options=}" ;;
            -g=* | -g?*) plugin='' && echo "${word#-g}" ;;
            --options-for=* | -o?*) plugin='' ;;
            *)
                plugin=''
                derror "mandos: $word in $SETTINGS/plugin-runner.conf has no effect in an image with systemd."
                ;;
        esac
    done | tr ',' '\n'
}

install_node() {
    local node libraries
    node=$(readlink -f "$(find_binary node)")
    inst_binary "$node" /usr/bin/node || return
    # dracut itself only strips the debugging information, and the symbols are an eighth of the file.
    strip -o "$initdir/usr/bin/node.stripped" "$node" 2> /dev/null &&
        mv -f "$initdir/usr/bin/node.stripped" "$initdir/usr/bin/node"
    rm -f "$initdir/usr/bin/node.stripped"
    chmod 755 "$initdir/usr/bin/node"
    # Loaded by name at run time, so it is in no list: node's own linker tells where it finds it, and what that needs
    # (dracut itself looks for the libraries of executable files only).
    libraries=$(LD_TRACE_LOADED_OBJECTS=1 LD_PRELOAD=libgnutls.so.30 "$node" 2> /dev/null |
        sed -n 's/.* => \(\/[^ ]*\) .*/\1/p')
    if [[ $libraries != */libgnutls.so.30* ]]; then
        derror "mandos: libgnutls.so.30 is not installed: install the package libgnutls30."
        return 1
    fi
    # shellcheck disable=SC2086 # a list
    inst_multiple $libraries
}

install_keys() {
    local file
    # "install" alone is the function below.
    command install -d -m 0700 "$initdir$KEYS_IN_IMAGE"
    for file in "$KEYS"/*; do
        if [[ -f $file ]]; then command install -m 0400 "$file" "$initdir$KEYS_IN_IMAGE/" || return; fi
    done
    printf 'MANDOS_CONFIGURED_OPTIONS="%s"\n' "$(configured_options | tr '\n' ' ')" \
        > "$initdir$KEYS_IN_IMAGE/client-options" && chmod 0600 "$initdir$KEYS_IN_IMAGE/client-options"
}

install_user_files() {
    local file
    while read -r file; do
        if [[ ${file##*/} != mandos-client ]]; then
            derror "mandos: $file is not used in an image with systemd, which asks for passwords itself."
        elif [[ -x $file ]]; then
            rm -f "$initdir$PROGRAMS_IN_IMAGE/plugins.d/mandos-client"
            inst "$file" "$PROGRAMS_IN_IMAGE/plugins.d/mandos-client"
        fi
    done < <(usable_files "$SETTINGS/plugins.d")
    while read -r file; do
        inst "$file" "$PROGRAMS_IN_IMAGE/plugin-helpers/${file##*/}"
    done < <(usable_files "$SETTINGS/plugin-helpers")
    mkdir -p "$initdir$PROGRAMS_IN_IMAGE/network-hooks.d"
    while read -r file; do
        inst "$file" "$PROGRAMS_IN_IMAGE/network-hooks.d/${file##*/}"
    done < <(usable_files "$SETTINGS/network-hooks.d")
    while read -r file; do
        [[ $file ]] || continue
        inst_multiple "$file" || derror "mandos: a network hook needs $file, which cannot be copied."
    done < <(each_hook_prints files)
}

# called by dracut
install() {
    if ! { install_node && install_keys &&
        /usr/sbin/mandos-initramfs install-bundle "$initdir$PROGRAMS_IN_IMAGE"; }; then
        derror "mandos: the Mandos client is NOT in this image: the password must be typed at the next boot."
        rm -rf "${initdir:?}$PROGRAMS_IN_IMAGE" "$initdir$KEYS_IN_IMAGE" "$initdir/usr/bin/node"
        return 0
    fi
    install_user_files
    inst_hook cmdline 20 "$moddir/cmdline-mandos.sh"
    inst_simple "$moddir/ask-password-mandos.path" "$systemdsystemunitdir/ask-password-mandos.path"
    inst_simple "$moddir/ask-password-mandos.service" "$systemdsystemunitdir/ask-password-mandos.service"
    # An administrator's own settings of the service.
    inst_multiple -o '/etc/systemd/system/ask-password-mandos.service.d/*.conf'
    $SYSTEMCTL -q --root "$initdir" add-wants sysinit.target ask-password-mandos.path
}
