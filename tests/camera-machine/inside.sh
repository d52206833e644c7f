#!/bin/busybox sh
# The first and only process of the emulated machine: tests/camera-machine.sh started it. Says "ok" or "FAILED" for each
# promise, then switches the machine off.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
trap 'poweroff -f' EXIT

say() { echo "   $*"; }
check() { # check "what is promised" command...
	what=$1
	shift
	if "$@"; then echo "ok: $what"; else
		echo "FAILED: $what"
		tail -n 9 /tmp/daemon.log /tmp/said 2>/dev/null
	fi
}
seconds() { cut -d. -f1 /proc/uptime; }
wait_for() { # wait_for seconds command...
	until=$(($(seconds) + $1))
	shift
	until "$@"; do
		[ "$(seconds)" -lt $until ] || return 1
		usleep 100000
	done
}
said() { grep -q "$1" /tmp/said || { cat /tmp/said && false; }; }
logged() { [ "$(grep -c "$1" /tmp/daemon.log)" -ge "${2:-1}" ]; }
doctor() { amslpr doctor cameras --config /etc/amslpr.toml >/tmp/said 2>&1; }
camera() { # camera FORMAT MORE: writes a configuration
	cat >/etc/amslpr.toml <<CONFIG
[journal]
path = "/tmp/journal.db"
[engine]
order = ["cpu"]
[[camera]]
name = "yard"
decode = "all"
motion = false
[camera.v4l2]
device = "/dev/v4l/by-path/yard"
width = 640
height = 360
fps = 5
format = "$1"
$2
CONFIG
}

for module in $(cat /modules); do
	case $module in
	vivid.ko) insmod "/$module" n_devs=1 node_types=0x1 ;;
	*) insmod "/$module" 2>/dev/null ;;
	esac || echo "FAILED: $module"
done
wait_for 10 [ -e /dev/video0 ] || echo "FAILED: no virtual camera"
# As udev would.
mkdir -p /dev/v4l/by-path && ln -s ../../video0 /dev/v4l/by-path/yard
set-control /dev/video0 "Sensor Flipped Horizontally" 0 2>/dev/null

amslpr doctor cameras --list >/tmp/said 2>&1
check "the camera is listed by the name that stays" said /dev/v4l/by-path/yard
check "with its formats" said YUYV
sed -n 's/^/   /p' /tmp/said | head -n 12

for format in yuyv uyvy nv12 yu12 rgb3 bgr3 grey auto; do
	camera $format
	check "format $format: the doctor gets pictures" doctor
	check "format $format: of the wished size" said 640x360
	say "$(grep yard: /tmp/said)"
done
camera yuyv 'gain = 40'
doctor
check "a gain is set" said "gain = 40"

camera yuyv
amslpr run --quiet --config /etc/amslpr.toml >/tmp/daemon.log 2>&1 &
daemon=$!
check "the daemon's camera is live" wait_for 120 logged "camera live"
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
check "pulled out: it is noticed" wait_for 30 logged "camera broke"
check "and called what it is" logged "went away\|does not exist"
usleep 3000000
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
began=$(seconds)
check "plugged in again: live again" wait_for 60 logged "camera live" 2
say "after $(($(seconds) - began)) s of an emulated machine's time"

set-control /dev/video0 "Percentage of Dropped Buffers" 100
check "a driver that stops delivering is noticed" wait_for 40 logged "has sent no picture"
set-control /dev/video0 "Percentage of Dropped Buffers" 0
check "and opened again" wait_for 60 logged "camera live" 3
kill $daemon
check "the daemon ends in order" eval 'wait_for 30 eval "! kill -0 $daemon 2>/dev/null"'

# Nothing moves, not even a clock in the picture; then the loop in the road reports a vehicle.
insmod /gpio-rig.ko
set-control /dev/video0 "OSD Text Mode" 2
camera yuyv '[camera.trigger]
line = "GPIO26"
hold = "3s"'
sed -i '/^decode\|^motion/d' /etc/amslpr.toml
amslpr run --quiet --config /etc/amslpr.toml >/tmp/daemon.log 2>&1 &
daemon=$!
# Pictures left out because nothing is going on: unlike looks, how many they are does not hang on how slow the machine is.
count_of() { amslpr status --json --config /etc/amslpr.toml | sed "s/.*\"$1\":\([0-9]*\).*/\1/"; }
rests_in() { # rests_in seconds: how many pictures were left out
	rests=$(count_of rested)
	usleep $(($1 * 1000000))
	echo $(($(count_of rested) - rests))
}
check "a camera with a trigger is live" wait_for 120 logged "camera live"
usleep 15000000
looks=$(count_of looked_at)
resting=$(rests_in 20)
looks=$(($(count_of looked_at) - looks))
echo 0,0,0,0,0,0,0,1 >/sys/module/gpio_rig/parameters/inputs
usleep 2000000
awake=$(rests_in 20)
echo 0,0,0,0,0,0,0,0 >/sys/module/gpio_rig/parameters/inputs
usleep 8000000
after=$(rests_in 20)
say "pictures left out in 20 s: $resting at rest ($looks looked at), $awake while the input is active, $after after it"
check "at rest most pictures are left out" [ "$resting" -ge 50 ]
check "and it is looked at now and then" [ "$looks" -ge 1 -a "$looks" -le 8 ]
check "an input wakes it: none is" [ "$awake" -eq 0 ]
check "and it goes to rest again" [ "$after" -ge 50 ]
kill $daemon
check "the daemon ends in order again" eval 'wait_for 30 eval "! kill -0 $daemon 2>/dev/null"'
echo "all is well"
