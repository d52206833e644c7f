#!/usr/bin/env bash
# Gates on a GPIO chip: boots Debian's kernel in an emulated machine with a chip of eight lines (gate-machine/gpio-rig.c,
# which tells what happens to them), runs the daemon there and looks at the pins. Three minutes; needs amd64, apt and
# root or sudo for packages. Everything else stays below target/gate-machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/machine.sh

work=$PWD/target/gate-machine
mkdir -p "$work"
install_missing qemu-system-x86 busybox-static cpio gcc make
unpack_kernel

mkdir -p "$work/module"
cp tests/gate-machine/gpio-rig.c "$work/module/"
echo 'obj-m := gpio-rig.o' >"$work/module/Makefile"
make --silent -C "$root/usr/src/linux-headers-$kernel" M="$work/module" modules

cargo build --quiet --bin amslpr

# The machine's memory is its disk: the program, its libraries, its networks, and a shell to look at it with.
disk=$work/disk
begin_disk "$disk" target/debug/amslpr
mkdir -p "$disk/usr/share/amslpr"
cp -r models "$disk/usr/share/amslpr/models"
rm -rf "$disk/usr/share/amslpr/models"/{train,hailo}
cp "$work/module/gpio-rig.ko" "$disk/"
end_disk "$disk" tests/gate-machine/inside.sh

log=$work/log
boot "$disk" "${LIMIT:-600}" "" >"$log" || true
tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   )' || true
if ! grep -q -a '^all is well' "$log" || grep -q -a '^FAILED' "$log"; then
	echo "the machine's own words are in $log" >&2
	exit 1
fi
