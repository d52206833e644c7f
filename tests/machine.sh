# shellcheck shell=bash
# An emulated machine: Debian's kernel, and a disk in memory with the program, its libraries and a shell. Sourced by
# gate-machine.sh and power-cut.sh, from the top of the checkout; needs amd64, apt and root or sudo for packages.

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() { # install_missing package...
	local missing= package
	for package in "$@"; do
		dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
	done
	if [ -n "$missing" ]; then
		as_root apt-get update --quiet=2
		# shellcheck disable=SC2086 # a list of words
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
	fi
}

# Debian's kernel and what is needed to build a module for it; unpacked below target, not installed. Sets $kernel (its
# version) and $root (where it lies).
unpack_kernel() {
	local image headers more folder package
	image=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n1)
	kernel=${image#linux-image-}
	folder=$PWD/target/gate-machine/$kernel
	root=$folder/root
	if [ ! -e "$folder/ready" ]; then
		rm -rf "${folder:?}"
		mkdir -p "$folder/packages" "$root"
		headers=linux-headers-$kernel
		more=$(apt-cache depends "$headers" | sed -n 's/^ *Depends: \(linux-.*\)/\1/p')
		# shellcheck disable=SC2086 # a list of words
		(cd "$folder/packages" && apt-get download "$image" "$headers" $more)
		for package in "$folder/packages"/*.deb; do dpkg-deb -x "$package" "$root"; done
		sed -i "s#/usr/src/#$root/usr/src/#" "$root/usr/src/$headers/Makefile"
		touch "$folder/ready"
	fi
}

# begin_disk FOLDER PROGRAM...: a root file system with busybox, these programs in /usr/bin and their libraries.
begin_disk() {
	local disk=$1 program library
	shift
	rm -rf "$disk"
	mkdir -p "$disk"/{bin,dev,proc,sys,run,tmp,etc,usr/bin}
	cp "$(command -v busybox)" "$disk/bin/busybox"
	for program in "$@"; do
		strip --strip-debug -o "$disk/usr/bin/$(basename "$program")" "$program"
		ldd "$program" | grep -o '/[^ ]*' | sort -u | while read -r library; do
			mkdir -p "$disk$(dirname "$library")"
			cp -L "$library" "$disk$library"
		done
	done
}

# end_disk FOLDER INIT: packs it as FOLDER.cpio; INIT is its first process.
end_disk() {
	cp "$2" "$1/init"
	chmod +x "$1/init"
	(cd "$1" && find . | cpio --quiet -o -H newc) >"$1.cpio"
}

# boot DISK LIMIT MORE-FOR-THE-KERNEL MORE-FOR-QEMU...: runs the machine until it switches itself off.
boot() {
	local disk=$1 limit=$2 append=$3
	shift 3
	timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1536 -nographic -no-reboot -nic none \
		-kernel "$root/boot/vmlinuz-$kernel" -initrd "$disk.cpio" "$@" \
		-append "console=ttyS0 loglevel=4 panic=-1 rdinit=/init $append" </dev/null 2>&1
}
