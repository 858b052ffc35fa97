# Configuration files of the original's package that an administrator has edited stay as they are, without a question.
# dpkg would ask, since the text that comes with this package is another; and where nobody can answer, it would fail.
# So an edited file steps aside for the time of the installation, and this package's own text stands in its place.
# Days can go by until the package is configured; what somebody has written in that place meanwhile stays.

exists() {
    [ -e "$1" ] || [ -L "$1" ]
}

# has_no_edit FILE: whether there is nothing in its place but what keep has put there.
has_no_edit() {
    ! exists "$1" || cmp -s "$1" "$1.mandos-placeholder"
}

# keep FILE OTHER-PACKAGE, with this package's text on standard input: for preinst, which sets ACTION.
keep() {
    if exists "$1.mandos-aside"; then
        # The last installation has not come to its end. This version's text may be another.
        has_no_edit "$1" || return 0
        rm -f "$1"
    else
        [ "${ACTION:-}" = install ] || return 0
        exists "$1" || return 0
        shipped=$(dpkg-query --show --showformat '${Conffiles}\n' "$2" "$DPKG_MAINTSCRIPT_PACKAGE" 2>/dev/null |
            sed -n "s|^ $1 \([0-9a-f]*\).*|\1|p") || true
        sum=$(md5sum <"$1" | cut -d ' ' -f 1)
        # As it was shipped, it is dpkg's.
        for known in $shipped; do [ "$sum" != "$known" ] || return 0; done
        mv "$1" "$1.mandos-aside"
    fi
    # In this order: wherever it is interrupted, nothing that somebody has written stands in the place.
    cat >"$1.mandos-placeholder"
    cp "$1.mandos-placeholder" "$1.mandos-new"
    mv "$1.mandos-new" "$1"
}

# put_back FILE: for postinst, and for postrm where the installation did not come so far.
put_back() {
    rm -f "$1.mandos-new"
    if exists "$1.mandos-aside"; then
        if has_no_edit "$1"; then
            mv "$1.mandos-aside" "$1"
        else
            mv --backup=numbered "$1.mandos-aside" "$1.mandos-kept"
            echo "$DPKG_MAINTSCRIPT_PACKAGE: $1 was edited during the installation, and stays so;" >&2
            echo "what it was before is $1.mandos-kept" >&2
        fi
    fi
    rm -f "$1.mandos-placeholder"
}
