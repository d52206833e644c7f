#!/usr/bin/env bash
# Power cuts: an emulated machine records passages on a disk of its own and is reset at a random moment, again and
# again (ROUNDS=20); after each cut the journal must be sound and hold all that was said to be recorded. What the kernel
# had not written yet is lost in a cut, as in a real one. About half a minute a round; needs what gate-machine.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/machine.sh

work=$PWD/target/power-cut
mkdir -p "$work"
install_missing qemu-system-x86 busybox-static cpio e2fsprogs kmod xz-utils
unpack_kernel

cargo build --quiet --bin amslpr
recorder=$(cargo test --no-run --test journal_crash --message-format json 2>/dev/null |
	sed -n 's/.*"name":"journal_crash".*"executable":"\([^"]*\)".*/\1/p')
cp "$recorder" "$work/journal_crash"

disk=$work/disk
begin_disk "$disk" target/debug/amslpr "$work/journal_crash"
add_modules "$disk" virtio_pci virtio_blk ext4
end_disk "$disk" tests/power-cut/inside.sh

rm -f "$work/data"
truncate --size 512M "$work/data"
mkfs.ext4 -q "$work/data"
told=0 ranges= passages=0
rounds=${ROUNDS:-20}
for round in $(seq "$rounds") last; do
	log=$work/log-$round
	# The machine's own dice have nothing to throw with at a start.
	cut=$((RANDOM % 4000 + 300))
	[ "$round" = last ] && cut=0
	boot "$disk" "${LIMIT:-300}" "told=$told ranges=$ranges cut=$cut" -drive "file=$work/data,format=raw,if=virtio,cache=writeback" >"$log" || true
	tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   )' | sed "s/^/$round: /" || true
	if ! grep -q -a '^ok: nothing is lost' "$log" || grep -q -a '^FAILED' "$log"; then
		echo "round $round failed; the machine's own words are in $log" >&2
		exit 1
	fi
	# The last line may have been cut in the middle.
	newest=$(tr -d '\r' <"$log" | sed '$d' | sed -n 's/^.*recorded \([0-9]*\)$/\1/p' | tail -n1)
	if [ -n "$newest" ]; then
		ranges=$ranges${ranges:+,}$((told + 1000))-$newest
		passages=$((passages + newest - told - 999))
		told=$newest
	fi
done
echo "$rounds power cuts: $passages passages were said to be recorded, none is lost, the journal was sound every time"
