#!/usr/bin/env bash
# V4L2 cameras: boots Debian's kernel in an emulated machine with its virtual camera (vivid), looks at it through every
# command, pulls it out and plugs it in again under the daemon. Four minutes; needs amd64, apt and root or sudo for
# packages. Everything else stays below target/camera-machine.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/camera-machine
mkdir -p "$work"
# shellcheck source=tests/machine.sh
. tests/machine.sh
need qemu-system-x86 busybox-static cpio gcc libc6-dev kmod xz-utils
fetch_kernel

cargo build --quiet --bin amslpr
make_disk tests/camera-machine/inside.sh
gcc -static -O1 -o "$disk/bin/set-control" tests/camera-machine/set-control.c

# The virtual camera's module and those it needs, in the order in which they go in.
modules=$root/lib/modules/$kernel
[ -d "$modules" ] || modules=$root/usr/lib/modules/$kernel
base=${modules%/lib/modules/*}
depmod -b "$base" "$kernel"
modprobe -d "$base" -S "$kernel" --show-depends vivid | sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r module; do
	name=$(basename "$module")
	cp "$module" "$disk/"
	case $name in *.xz) xz -d "$disk/$name" ;; esac
	echo "${name%.xz}" >>"$disk/modules"
done
boot
