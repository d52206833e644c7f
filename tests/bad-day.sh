#!/usr/bin/env bash
# A bad day: one daemon with an H.264, an H.265, an MJPEG and a V4L2 camera, an hour of faults (MINUTES=60), and then
# whether journal, messages and log tell what happened: tests/bad-day.sh
# The daemon runs in an emulated machine, whose kernel has a virtual camera; servers, broker and faults are outside.
# Needs amd64, apt and root or sudo for packages. Everything stays below target/bad-day.
set -euo pipefail
cd "$(dirname "$0")/.."

. tests/machine.sh

work=$PWD/target/bad-day
disk=$work/disk
# The test calls it back: boots the machine, with these words for its kernel; commands come in at the standard input.
if [ "${1:-}" = machine ]; then
	unpack_kernel
	exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nographic -no-reboot \
		-nic user,model=virtio-net-pci -kernel "$root/boot/vmlinuz-$kernel" -initrd "$disk.cpio" \
		-append "console=ttyS0 loglevel=3 panic=-1 no_timer_check rdinit=/init $2"
fi

mkdir -p "$work"
install_missing qemu-system-x86 busybox-static cpio gcc libc6-dev kmod xz-utils
unpack_kernel
cargo build --quiet --release --bin amslpr
begin_disk "$disk" target/release/amslpr
add_models "$disk"
gcc -static -O1 -o "$disk/bin/set-control" tests/camera-machine/set-control.c
add_modules "$disk" vivid virtio_net virtio_pci
end_disk "$disk" tests/bad-day/inside.sh
AMSLPR_MINUTES=${MINUTES:-60} exec cargo test --test bad_day -- --ignored --nocapture
