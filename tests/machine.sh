# shellcheck shell=bash
# An emulated machine: Debian's kernel, and a disk in memory with the program, its libraries and a shell. Sourced by
# gate-machine.sh, camera-machine.sh and power-cut.sh, from the top of the checkout; needs amd64, apt and root or sudo for packages.

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
	folder=$PWD/target/machine/$kernel
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

# add_models FOLDER: the networks, where the package installs them.
add_models() {
	mkdir -p "$1/usr/share/amslpr"
	cp -r models "$1/usr/share/amslpr/models"
	rm -rf "$1/usr/share/amslpr/models"/{train,hailo}
}

# add_modules FOLDER MODULE...: kernel modules and those they need; "modules" lists them in the order in which they go in.
add_modules() {
	local disk=$1 modules file module
	shift
	modules=$root/lib/modules/$kernel
	[ -d "$modules" ] || modules=$root/usr/lib/modules/$kernel
	depmod --basedir "${modules%/lib/modules/*}" "$kernel"
	for module in "$@"; do
		modprobe --dirname "${modules%/lib/modules/*}" --set-version "$kernel" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' | while read -r file; do
		case $file in
		*.xz) xz --decompress --stdout "$file" >"$disk/$(basename "$file" .xz)" ;;
		*) cp "$file" "$disk/" ;;
		esac
		basename "$file" .xz >>"$disk/modules"
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
	timeout "$limit" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1536 -nographic -no-reboot -nic "${NIC:-none}" \
		-kernel "$root/boot/vmlinuz-$kernel" -initrd "$disk.cpio" "$@" \
		-append "console=ttyS0 loglevel=4 panic=-1 no_timer_check rdinit=/init $append" </dev/null 2>&1
}

# boot_and_tell DISK: boots and prints what the machine promises; the exit code says whether it kept all of it.
boot_and_tell() {
	local log=$1.log
	boot "$1" "${LIMIT:-600}" "" >"$log" || true
	tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   )' || true
	if ! grep -q -a '^all is well' "$log" || grep -q -a '^FAILED' "$log"; then
		echo "the machine's own words are in $log" >&2
		return 1
	fi
}
