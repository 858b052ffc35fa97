# Configuration files of the original's package that an administrator has edited stay as they are, without a question.
# dpkg would ask, since the text that comes with this package is another; and where nobody can answer, it would fail.
# So an edited file steps aside for the time of the installation, and this package's own text stands in its place.

# keep FILE OTHER-PACKAGE, with this package's text on standard input: for preinst.
keep() {
    [ -e "$1" ] || [ -L "$1" ] || return 0
    shipped=$(dpkg-query --show --showformat '${Conffiles}\n' "$2" "$DPKG_MAINTSCRIPT_PACKAGE" 2>/dev/null |
        sed -n "s|^ $1 \([0-9a-f]*\).*|\1|p") || true
    sum=$(md5sum <"$1" | cut -d ' ' -f 1)
    # As it was shipped, it is dpkg's.
    for known in $shipped; do [ "$sum" != "$known" ] || return 0; done
    [ -e "$1.mandos-kept" ] || mv "$1" "$1.mandos-kept"
    cat >"$1.mandos-new"
    mv "$1.mandos-new" "$1"
}

# put_back FILE: for postinst, and for postrm where the installation did not come so far.
put_back() {
    rm -f "$1.mandos-new"
    if [ -e "$1.mandos-kept" ] || [ -L "$1.mandos-kept" ]; then mv "$1.mandos-kept" "$1"; fi
}
