#!/usr/bin/env bash
# The appliance as a whole: boots Debian 13, adds the package source, installs by apt, and looks at everything that README
# promises, from inside and from the broker's side: tests/appliance.sh [amd64|arm64]
#
# MACHINE=container (the default for amd64) is a container with a systemd of its own: at full speed, but with the kernel
# that is there, and so without cameras and lines of its own, and with a "power cut" that only kills. MACHINE=emulated is a
# whole machine, with its own kernel, a virtual camera and GPIO lines, and many times slower; times are not judged there.
# STAGES="1 2 3" are the boots (an emulated machine can go through its later ones again, from where it stood before them),
# LIMIT is how many seconds each may take. Needs root, and the packages of `debian/packages`.
# The first run makes the machine's disk, with what amslpr depends on, from a Debian mirror; the machine itself has no
# network but the one to this script. Everything stays below target/appliance.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:-amd64}
work=$PWD/target/appliance/$arch
here=tests/appliance
stages=${STAGES:-1 2 3}
[ "$arch" = amd64 ] && machine=${MACHINE:-container} || machine=${MACHINE:-emulated}
# What both kinds of machine begin from is kept beside what one of them has done.
run=$work/$machine
mkdir -p "$run"
case $arch in
amd64) qemu=(qemu-system-x86_64 -cpu max) needs=qemu-system-x86 console=ttyS0 ;;
# What its GPIO chip does is written down by the emulator, from outside.
arm64) qemu=(qemu-system-aarch64 -M virt -cpu cortex-a76 -msg timestamp=on -trace pl061_set_output -D "$run/served/edges") needs="qemu-system-arm qemu-user-static arch-test" console=ttyAMA0 ;;
*) echo "no machine is known for $arch" >&2; exit 1 ;;
esac
case $machine in
# How many times slower a clip is shown to a machine that is emulated.
emulated) slower=${SLOWER:-4} limit=${LIMIT:-10800} least=98 ;;
container) slower=1 limit=${LIMIT:-1800} least=100 needs=systemd-container ;;
*) echo "no machine is called $machine" >&2; exit 1 ;;
esac
[ "$arch $machine" != "arm64 container" ] || { echo "a container has this machine's processor: MACHINE=emulated" >&2; exit 1; }
missing=
for tool in $needs qemu-utils mmdebstrap e2fsprogs apt-utils python3; do
	dpkg-query --show --showformat='${db:Status-Status}' "$tool" 2>/dev/null | grep -qx installed || missing="$missing $tool"
done
if [ -n "$missing" ]; then
	apt-get update --quiet=2
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
fi

rm -f target/debian/amslpr_*~*_"$arch".deb
package=$(ls target/debian/amslpr_*_"$arch".deb 2>/dev/null | tail -n1)
[ -n "$package" ] || { echo "there is no package for $arch: debian/packages $arch makes it" >&2; exit 1; }
# The same under older versions: one to upgrade from, with another line in its conffile, and one that does not know the
# form of the journal, to be kept from going back to.
version=$(dpkg-deb --field "$package" Version)
as_older() { # as_older NAME: unpacks it and gives it another version
	rm -rf "$run/older"
	dpkg-deb -R "$package" "$run/older"
	sed -i "s/^Version: .*/Version: $version~$1/" "$run/older/DEBIAN/control"
}
pack_older() {
	dpkg-deb -Zgzip -z1 --root-owner-group --build "$run/older" "target/debian/amslpr_$version~${1}_$arch.deb" >/dev/null
	rm -r "$run/older"
}
as_older earlier
echo '# as it was shipped earlier' >>"$run/older/etc/amslpr/amslpr.toml"
pack_older earlier
as_older ancient
form=$(sed -n 's/^form=\([0-9]*\)$/\1/p' "$run/older/DEBIAN/preinst")
sed -i "s/^form=.*/form=$((form - 1))/" "$run/older/DEBIAN/preinst"
pack_older ancient
debian/repository >/dev/null
rm -f target/debian/amslpr_*~*_"$arch".deb

# The machine's disk, without amslpr: what amslpr depends on and recommends is there already, so that only amslpr has to
# come by apt. Made anew when that changes.
depends=$({ dpkg-deb --field "$package" Pre-Depends Depends Recommends; echo; } | sed 's/^[A-Za-z-]*: //; s/([^)]*)//g; s/|[^,]*//g' |
	tr ',' '\n' | sed 's/ //g; /^$/d' | sort -u | paste -sd,)
list="$depends,systemd,systemd-sysv,systemd-timesyncd,udev,dbus,kmod,linux-image-$arch,initramfs-tools,apt,iproute2,wget,mosquitto,mosquitto-clients,python3,sqlite3,gpiod,v4l-utils,procps"
root=$work/root
if [ "$(cat "$work/root.list" 2>/dev/null)" != "$list" ]; then
	if [ "$arch" != "$(dpkg --print-architecture)" ] && ! arch-test -n "$arch" >/dev/null; then
		# Where nobody has told the kernel how programs of that kind are run.
		[ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
		grep -h '^:qemu-aarch64:' /usr/lib/binfmt.d/*.conf | head -n 1 >/proc/sys/fs/binfmt_misc/register
	fi
	rm -rf "$root" "$work/root.list" "$work/base.ext4"
	mmdebstrap --quiet --variant=minbase --architectures="$arch" --include="$list" trixie "$root"
	echo "$list" >"$work/root.list"
fi
if [ ! -e "$work/ready" ] || [ "$work/root.list" -nt "$work/ready" ]; then
	echo appliance >"$root/etc/hostname"
	echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
	printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/wired.network"
	chroot "$root" systemctl --quiet enable systemd-networkd 2>/dev/null
	# No source of packages but the one that the test adds, and nobody on the network to ask for names or for the time.
	rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"/* "$root/etc/resolv.conf"
	mkdir -p "$root/etc/apt/keyrings"
	chroot "$root" systemctl --quiet disable systemd-timesyncd 2>/dev/null
	# Nobody is asked to log in where the test speaks.
	chroot "$root" systemctl --quiet mask console-getty.service getty@tty1.service "serial-getty@$console.service" 2>/dev/null
	cat >"$root/etc/systemd/system/appliance.service" <<-'UNIT'
		[Unit]
		Description=Test of the appliance
		After=multi-user.target network-online.target served.service
		Wants=network-online.target
		[Service]
		Type=idle
		StandardOutput=tty
		StandardError=tty
		TTYPath=/dev/console
		EnvironmentFile=-/etc/appliance
		ExecStart=/bin/sh -c 'for word in $(cat /proc/cmdline); do case $word in appliance.*) export "$${word#appliance.}";; esac; done; wget --tries=9 --retry-connrefused -qO /run/settings.sh $server/settings.sh; . /run/settings.sh; wget -qO /run/start.sh $server/start.sh; exec sh /run/start.sh'
		[Install]
		WantedBy=multi-user.target
	UNIT
	chroot "$root" systemctl --quiet enable appliance 2>/dev/null
	chroot "$root" passwd --quiet --delete root
	cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
	cp "$root"/boot/initrd.img-* "$work/initrd"
	touch "$work/ready"
fi
base=$work/base.ext4
if [ "$machine" = emulated ] && { [ ! -e "$base" ] || [ "$work/ready" -nt "$base" ]; }; then
	truncate --size=4G "$base.new"
	mkfs.ext4 -q -F -d "$root" "$base.new"
	mv "$base.new" "$base"
fi

# Debian's kernel for amd64 has no GPIO chip that can be had without hardware: the one of gate-machine.sh, for this kernel.
rig=$work/gpio-rig.ko
kernel=$(cd "$root/lib/modules" && ls | tail -n1)
if [ "$arch $machine" = "amd64 emulated" ] && [ "$(cat "$work/rig.kernel" 2>/dev/null)" != "$kernel" ]; then
	workshop=$work/workshop
	if [ ! -d "$workshop/lib/modules/$kernel/build" ]; then
		rm -rf "$workshop"
		mmdebstrap --quiet --variant=minbase --include="linux-headers-$kernel,gcc,make" trixie "$workshop"
	fi
	rm -rf "$workshop/rig"
	mkdir "$workshop/rig"
	cp tests/gate-machine/gpio-rig.c "$workshop/rig/"
	echo 'obj-m := gpio-rig.o' >"$workshop/rig/Makefile"
	chroot "$workshop" make --silent -C "/lib/modules/$kernel/build" M=/rig modules
	cp "$workshop/rig/gpio-rig.ko" "$rig"
	echo "$kernel" >"$work/rig.kernel"
fi

# The source, as a web server hands it out, and the test; both are taken from here by the machine.
port=$((20000 + RANDOM % 20000))
mkdir -p "$run/served"
rm -rf "$run/served"/*
cp -r target/debian/repository "$run/served/repository"
cp $here/*.sh $here/*.py README.md "$run/served/"
parts="$(cd $here && echo *.sh *.py) README.md"
[ "$arch $machine" != "amd64 emulated" ] || { cp "$rig" "$run/served/" && parts="$parts gpio-rig.ko"; }
printf 'export machine=%s slower=%s parts="%s"\n' "$machine" "$slower" "$parts" >"$run/served/settings.sh"
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null || true' EXIT

log=$run/log
: >"$log"
case $machine in
container)
	rm -rf "$run/box"
	cp -a --reflink=auto "$root" "$run/box"
	# Its network is its own and leads nowhere; the source is beside it.
	printf '[Unit]\nDescription=The package source\n[Service]\nExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /served 8000\n[Install]\nWantedBy=multi-user.target\n' \
		>"$run/box/etc/systemd/system/served.service"
	chroot "$run/box" systemctl --quiet enable served 2>/dev/null
	chroot "$run/box" systemctl --quiet mask systemd-networkd-wait-online 2>/dev/null
	;;
emulated)
	python3 -m http.server --bind 127.0.0.1 --directory "$run/served" $port >"$run/server.log" 2>&1 &
	server=$!
	disk=$run/disk.qcow2
	case $stages in
	1*)
		rm -f "$disk"
		qemu-img create -q -f qcow2 -b "$base" -F raw "$disk" 8G
		;;
	esac
	;;
esac

start_container() {
	printf 'stage=%s\nserver=http://127.0.0.1:8000\n' "$1" >"$run/box/etc/appliance"
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine=appliance-$$ \
		--directory "$run/box" --bind-ro="$run/served:/served" --private-network --resolv-conf=off --timezone=off --console=read-only systemd.show_status=no
}

start_emulated() {
	local clock=()
	[ "$1" != 3 ] || clock=(-rtc base=1970-01-01T00:00:00)
	# Its time is that of its own processor, a thousand million instructions a second: however slow the emulation and busy the
	# host, it takes itself for a machine like any other. A timer may wait all the same: no_timer_check.
	exec "${qemu[@]}" "${clock[@]}" -accel tcg,thread=single -icount shift=0 -smp 2 -m 2048 -nographic -no-reboot -nic user,model=virtio-net-pci \
		-drive file="$disk",if=virtio,format=qcow2,cache=writeback -kernel "$work/vmlinuz" -initrd "$work/initrd" \
		-append "root=/dev/vda rw console=$console loglevel=3 systemd.show_status=no panic=-1 no_timer_check appliance.stage=$1 appliance.server=http://10.0.2.2:$port"
}

pull_plug() { # pull_plug PROCESS: what it has started is gone with it
	local inside=
	# A container outlives the program that it was started by, unless its first process dies.
	[ "$machine" = emulated ] || inside=$(pgrep --parent "$1" || true)
	# shellcheck disable=SC2086 # a list of numbers
	kill -9 $inside "$1"
}

boot() { # boot STAGE: until the machine is off, or says that its plug may be pulled
	"start_$machine" "$1" </dev/null >>"$log" 2>&1 &
	local running=$! begin=$SECONDS
	while kill -0 $running 2>/dev/null; do
		if grep -q -a "^pull the plug at stage $1" "$log"; then
			pull_plug $running
			break
		fi
		if [ $((SECONDS - begin)) -gt "$limit" ]; then
			echo "FAILED: stage $1 took longer than $limit s" >>"$log"
			pull_plug $running
			break
		fi
		sleep 1
	done
	wait $running 2>/dev/null || true
	echo "== stage $1: $((SECONDS - begin)) s" >>"$log"
}

# What an emulated machine's disk was before a later boot.
remember() { # remember STAGE
	[ "$machine" = emulated ] && [ "$1" != 1 ] || return 0
	if [ "$1" = "${stages%% *}" ]; then
		qemu-img snapshot -a "before-$1" "$disk"
	else
		qemu-img snapshot -d "before-$1" "$disk" 2>/dev/null || true
		qemu-img snapshot -c "before-$1" "$disk"
	fi
}

for stage in $stages; do
	remember "$stage"
	boot "$stage"
done
tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   |==)' || true

# A machine that died on the way has nothing to complain of, so what must have been said is asked for.
kept=$(tr -d '\r' <"$log" | grep -a -c '^ok: ' || true)
bad=
has() { tr -d '\r' <"$log" | grep -q -a "^$1" || bad="$bad; the machine has not said \"$1\""; }
for stage in $stages; do
	case $stage in
	1) has 'pull the plug at stage 1' ;;
	2) has 'stage 2 is over' ;;
	3) has 'all is well' ;;
	*) bad="$bad; there is no stage $stage" ;;
	esac
done
[ "$stages" != "1 2 3" ] || [ "$kept" -ge "$least" ] || bad="$bad; only $kept promises were looked at, of $least"
[ "$(grep -a -c '^FAILED' "$log")" = 0 ] || bad="$bad; $(grep -a -c '^FAILED' "$log") promises were not kept"
if [ -n "$bad" ]; then
	echo "${bad#; }; the machine's own words are in $log" >&2
	exit 1
fi
echo "$arch, $machine: $kept promises kept"
