#!/usr/bin/env bash
# V4L2 cameras: boots Debian's kernel in an emulated machine with its virtual camera (vivid), looks at it through every
# command, pulls it out and plugs it in again under the daemon, wakes it by a GPIO line. Ten minutes; needs amd64, apt and root or sudo for
# packages. Everything else stays below target/camera-machine.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/machine.sh

work=$PWD/target/camera-machine
mkdir -p "$work"
install_missing qemu-system-x86 busybox-static cpio gcc libc6-dev make kmod xz-utils
unpack_kernel

[ -n "${PROGRAM:-}" ] || cargo build --quiet --bin amslpr
disk=$work/disk
begin_disk "$disk" "${PROGRAM:-target/debug/amslpr}"
add_models "$disk"
gcc -static -O1 -o "$disk/bin/set-control" tests/camera-machine/set-control.c
add_modules "$disk" vivid
add_gpio_rig "$disk" "$work"
end_disk "$disk" tests/camera-machine/inside.sh
boot_and_tell "$disk"
