#!/usr/bin/env bash
# Gates on a GPIO chip: boots Debian's kernel in an emulated machine with a chip of eight lines (gate-machine/gpio-rig.c,
# which tells what happens to them), runs the daemon there and looks at the pins. Three minutes; needs amd64, apt and
# root or sudo for packages. Everything else stays below target/gate-machine.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/gate-machine
limit=${LIMIT:-600}
mkdir -p "$work"

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
for package in qemu-system-x86 busybox-static cpio gcc make; do
	dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
	as_root apt-get update --quiet=2
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
fi

# Debian's kernel and what is needed to build a module for it; unpacked here, not installed.
image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n1)
kernel=${image#linux-image-}
if [ ! -e "$work/$kernel/ready" ]; then
	rm -rf "${work:?}/$kernel"
	mkdir -p "$work/$kernel/packages" "$work/$kernel/root"
	headers=linux-headers-$kernel
	more=$(apt-cache depends "$headers" | sed -n 's/^ *Depends: \(linux-.*\)/\1/p')
	# shellcheck disable=SC2086 # a list of words
	(cd "$work/$kernel/packages" && apt-get download "$image" "$headers" $more)
	for package in "$work/$kernel/packages"/*.deb; do dpkg-deb -x "$package" "$work/$kernel/root"; done
	sed -i "s#/usr/src/#$work/$kernel/root/usr/src/#" "$work/$kernel/root/usr/src/$headers/Makefile"
	touch "$work/$kernel/ready"
fi
root=$work/$kernel/root

mkdir -p "$work/module"
cp tests/gate-machine/gpio-rig.c "$work/module/"
echo 'obj-m := gpio-rig.o' >"$work/module/Makefile"
make --silent -C "$root/usr/src/linux-headers-$kernel" M="$work/module" modules

cargo build --quiet --bin amslpr

# The machine's memory is its disk: the program, its libraries, its networks, and a shell to look at it with.
disk=$work/disk
rm -rf "$disk"
mkdir -p "$disk"/{bin,dev,proc,sys,run,tmp,etc,usr/bin,usr/share/amslpr}
cp "$(command -v busybox)" "$disk/bin/busybox"
strip --strip-debug -o "$disk/usr/bin/amslpr" target/debug/amslpr
ldd target/debug/amslpr | grep -o '/[^ ]*' | sort -u | while read -r library; do
	mkdir -p "$disk$(dirname "$library")"
	cp -L "$library" "$disk$library"
done
cp -r models "$disk/usr/share/amslpr/models"
rm -rf "$disk/usr/share/amslpr/models"/{train,hailo}
cp "$work/module/gpio-rig.ko" "$disk/"
cp tests/gate-machine/inside.sh "$disk/init"
chmod +x "$disk/init"
(cd "$disk" && find . | cpio --quiet -o -H newc) >"$work/disk.cpio"

log=$work/log
timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1536 -nographic -no-reboot -nic none \
	-kernel "$root/boot/vmlinuz-$kernel" -initrd "$work/disk.cpio" \
	-append "console=ttyS0 loglevel=4 panic=-1 rdinit=/init" </dev/null >"$log" 2>&1 || true
tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   )' || true
if ! grep -q -a '^all is well' "$log" || grep -q -a '^FAILED' "$log"; then
	echo "the machine's own words are in $log" >&2
	exit 1
fi
