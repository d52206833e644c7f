# Sourced by tests that boot Debian's kernel in an emulated machine (amd64; apt and root or sudo for packages). Everything
# but packages stays below $work.
# shellcheck shell=bash

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

need() { # need PACKAGE...
	local missing=
	for package in "$@"; do
		dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		as_root apt-get update --quiet=2
		# shellcheck disable=SC2086 # a list of words
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
	fi
}

# Debian's kernel, and with "headers" what is needed to build a module for it; unpacked here, not installed. Sets kernel
# and root.
fetch_kernel() {
	local image headers more=
	image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n1)
	kernel=${image#linux-image-}
	root=$work/$kernel/root
	if [ ! -e "$work/$kernel/ready" ]; then
		rm -rf "${work:?}/$kernel"
		mkdir -p "$work/$kernel/packages" "$root"
		headers=
		if [ "${1-}" = headers ]; then
			headers=linux-headers-$kernel
			more=$(apt-cache depends "$headers" | sed -n 's/^ *Depends: \(linux-.*\)/\1/p')
		fi
		# shellcheck disable=SC2086 # a list of words
		(cd "$work/$kernel/packages" && apt-get download "$image" $headers $more)
		for package in "$work/$kernel/packages"/*.deb; do dpkg-deb -x "$package" "$root"; done
		if [ -n "$headers" ]; then
			sed -i "s#/usr/src/#$root/usr/src/#" "$root/usr/src/$headers/Makefile"
		fi
		touch "$work/$kernel/ready"
	fi
}

# The machine's memory is its disk: the program, its libraries, its networks, and a shell to look at it with. INIT is its
# first and only process. Sets disk.
make_disk() { # make_disk INIT
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
	cp "$1" "$disk/init"
	chmod +x "$disk/init"
}

# Boots and prints what the machine promises; the exit code says whether it kept all of it.
boot() {
	local log=$work/log
	(cd "$disk" && find . | cpio --quiet -o -H newc) >"$work/disk.cpio"
	timeout "${LIMIT:-600}" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1536 -nographic -no-reboot -nic none \
		-kernel "$root/boot/vmlinuz-$kernel" -initrd "$work/disk.cpio" \
		-append "console=ttyS0 loglevel=4 panic=-1 rdinit=/init" </dev/null >"$log" 2>&1 || true
	tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   )' || true
	if ! grep -q -a '^all is well' "$log" || grep -q -a '^FAILED' "$log"; then
		echo "the machine's own words are in $log" >&2
		return 1
	fi
}
