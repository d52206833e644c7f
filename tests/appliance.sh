#!/usr/bin/env bash
# The appliance as a whole: boots Debian 13, adds the package source, installs by apt, and looks at everything that README
# promises, from inside and from the broker's side: tests/appliance.sh [amd64|arm64]
# With MACHINE=container (the default for amd64) it is a container with a systemd of its own: at full speed, but with the
# kernel that is there, and so without cameras and lines of its own. With MACHINE=emulated it is a whole machine, with its
# own kernel and a virtual camera, and many times slower. Needs root, and the packages of `debian/packages`. Everything
# stays below target/appliance.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:-amd64}
work=$PWD/target/appliance/$arch
here=tests/appliance
limit=${LIMIT:-3600}
[ "$arch" = amd64 ] && machine=${MACHINE:-container} || machine=${MACHINE:-emulated}
mkdir -p "$work"
case $arch in
amd64) qemu=(qemu-system-x86_64 -accel tcg,thread=multi -cpu max) package=qemu-system-x86 console=ttyS0 ;;
arm64) qemu=(qemu-system-aarch64 -M virt -accel tcg,thread=multi -cpu cortex-a76) package=qemu-system-arm console=ttyAMA0 ;;
*) echo "no machine is known for $arch" >&2; exit 1 ;;
esac
missing=
[ "$machine" = emulated ] || package=systemd-container
for tool in $package qemu-utils mmdebstrap e2fsprogs apt-utils python3; do
	dpkg-query --show --showformat='${db:Status-Status}' "$tool" 2>/dev/null | grep -qx installed || missing="$missing $tool"
done
if [ -n "$missing" ]; then
	apt-get update --quiet=2
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $missing
fi

package=$(ls target/debian/amslpr_*_"$arch".deb 2>/dev/null | grep -v '~earlier' | tail -n1) ||
	{ echo "there is no package for $arch: debian/packages $arch makes it" >&2; exit 1; }
# The same under an older version, to upgrade from: with another line in its conffile.
earlier=$work/earlier
rm -rf "$earlier" target/debian/amslpr_*~earlier_"$arch".deb
dpkg-deb -R "$package" "$earlier"
version=$(sed -n 's/^Version: //p' "$earlier/DEBIAN/control")
sed -i "s/^Version: .*/Version: $version~earlier/" "$earlier/DEBIAN/control"
echo '# as it was shipped earlier' >>"$earlier/etc/amslpr/amslpr.toml"
sed -i "s#^[0-9a-f]*  etc/amslpr/amslpr.toml#$(md5sum <"$earlier/etc/amslpr/amslpr.toml" | cut -c1-32)  etc/amslpr/amslpr.toml#" "$earlier/DEBIAN/md5sums"
dpkg-deb -Zgzip -z1 --root-owner-group --build "$earlier" "target/debian/amslpr_$version~earlier_$arch.deb" >/dev/null
debian/repository >/dev/null

# The machine's disk, without amslpr: what amslpr depends on is there already, so that only it has to come by apt.
base=$work/base.ext4
if [ ! -e "$base" ]; then
	depends=$(dpkg-deb --field "$package" Pre-Depends Depends | sed 's/^[A-Za-z-]*: //; s/([^)]*)//g; s/|[^,]*//g' | tr ',' '\n' |
		sed 's/ //g; /^\$/d; /^$/d' | sort -u | paste -sd,)
	root=$work/root
	rm -rf "$root"
	mmdebstrap --quiet --variant=minbase --architectures="$arch" \
		--include="$depends,systemd,systemd-sysv,systemd-timesyncd,udev,dbus,kmod,linux-image-$arch,initramfs-tools,apt,ca-certificates,iproute2,wget,mosquitto,mosquitto-clients,python3-minimal,sqlite3,gpiod,v4l-utils,procps" \
		trixie "$root"
	echo appliance >"$root/etc/hostname"
	echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
	printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/wired.network"
	chroot "$root" systemctl --quiet enable systemd-networkd
	chroot "$root" systemctl --quiet disable mosquitto
	cat >"$root/etc/systemd/system/appliance.service" <<-'UNIT'
		[Unit]
		Description=Test of the appliance
		After=multi-user.target network-online.target
		Wants=network-online.target
		[Service]
		Type=idle
		StandardOutput=tty
		StandardError=tty
		TTYPath=/dev/console
		EnvironmentFile=-/etc/appliance
		ExecStart=/bin/sh -c 'for word in $(cat /proc/cmdline); do case $word in appliance.*) eval "$${word#appliance.}";; esac; done; export stage server; wget -qO /root/start.sh $server/start.sh; exec sh /root/start.sh'
		[Install]
		WantedBy=multi-user.target
	UNIT
	chroot "$root" systemctl --quiet enable appliance
	rm -f "$root/etc/resolv.conf"
	echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
	chroot "$root" passwd --quiet --delete root
	cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
	cp "$root"/boot/initrd.img-* "$work/initrd"
	cp "$root"/boot/config-* "$work/config"
	truncate --size=4G "$base.new"
	mkfs.ext4 -q -F -d "$root" "$base.new"
	mv "$base.new" "$base"
fi

# The source, as a web server hands it out, and the test; both are taken from here by the machine.
port=$((20000 + RANDOM % 20000))
mkdir -p "$work/served"
rm -rf "$work/served"/*
cp -r target/debian/repository "$work/served/repository"
cp $here/*.sh $here/*.py config/demo.toml "$work/served/"
python3 -m http.server --bind 127.0.0.1 --directory "$work/served" $port >"$work/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT

log=$work/log
: >"$log"
case $machine in
container) rm -rf "$work/box"; cp -a --reflink=auto "$work/root" "$work/box" ;;
emulated)
	disk=$work/run.qcow2
	rm -f "$disk"
	qemu-img create -q -f qcow2 -b "$base" -F raw "$disk" 8G
	;;
*) echo "no machine is called $machine" >&2; exit 1 ;;
esac

start_container() {
	printf 'stage=%s\nserver=http://127.0.0.1:%s\n' "$1" "$port" >"$work/box/etc/appliance"
	# Its own processes and devices; the network is the host's.
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn --quiet --boot --register=no --keep-unit --machine=appliance \
		--directory "$work/box" --resolv-conf=off --timezone=off --console=read-only
}

start_emulated() {
	# A host that is busy keeps the timer waiting: no_timer_check.
	exec "${qemu[@]}" -smp 2 -m 2048 -nographic -no-reboot -nic user,model=virtio-net-pci \
		-drive file="$disk",if=virtio,format=qcow2,cache=writeback -kernel "$work/vmlinuz" -initrd "$work/initrd" \
		-append "root=/dev/vda rw console=$console loglevel=3 systemd.show_status=no panic=-1 no_timer_check appliance.stage=$1 appliance.server=http://10.0.2.2:$port"
}

boot() { # boot STAGE: until the machine is off, or says that its plug may be pulled
	"start_$machine" "$1" </dev/null >>"$log" 2>&1 &
	local running=$! begin=$SECONDS
	while kill -0 $running 2>/dev/null; do
		if grep -q -a "^pull the plug at stage $1" "$log"; then
			kill -9 $running
			break
		fi
		if [ $((SECONDS - begin)) -gt "$limit" ]; then
			echo "FAILED: stage $1 took longer than $limit s" >>"$log"
			kill -9 $running
			break
		fi
		sleep 1
	done
	wait $running 2>/dev/null || true
}

for stage in ${STAGES:-1 2}; do boot "$stage"; done
tr -d '\r' <"$log" | grep -a -E '^(ok|FAILED|   |==)' || true
if ! grep -q -a '^all is well' "$log" || grep -q -a '^FAILED' "$log"; then
	echo "the machine's own words are in $log" >&2
	exit 1
fi
