# Makes the images of all kernels anew: the next boot needs what is in them, whichever kernel it takes.
update_images() {
    if command -v update-initramfs >/dev/null; then
        update-initramfs -u -k all
    elif command -v dracut >/dev/null; then
        for kernel in /lib/modules/*; do
            [ -e "$kernel/modules.dep" ] || continue
            version=${kernel##*/}
            image=/boot/initrd.img-$version
            [ -e "$image" ] || continue
            # dracut keeps the mode of an image that is there, and there are private keys in it now.
            chmod go-rwx "$image"
            dracut --quiet --force "$image" "$version"
        done
    fi
}
