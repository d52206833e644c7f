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

cargo build --quiet --bin amslpr

# The machine's memory is its disk.
disk=$work/disk
begin_disk "$disk" target/debug/amslpr
add_models "$disk"
add_gpio_rig "$disk" "$work"
end_disk "$disk" tests/gate-machine/inside.sh
boot_and_tell "$disk"
