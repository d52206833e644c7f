#!/bin/busybox sh
# The first process of the emulated machine: tests/bad-day.sh started it. Runs the daemon, does to its V4L2 camera what
# comes in as words at the console, and in the end prints what journal and log tell.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
trap 'poweroff -f' EXIT
stty -echo 2>/dev/null

for module in $(cat /modules); do
	case $module in
	vivid.ko) insmod "/$module" n_devs=1 node_types=0x1 ;;
	*) insmod "/$module" 2>/dev/null ;;
	esac || echo "FAILED: $module"
done
for try in 1 2 3 4 5 6 7 8 9; do
	[ -e /dev/video0 ] && ip link set eth0 up 2>/dev/null && break
	sleep 1
done
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
mkdir -p /dev/v4l/by-path && ln -s ../../video0 /dev/v4l/by-path/yard
prepare_camera() { # what a new virtual camera has to be told
	set-control /dev/video0 "Sensor Flipped Horizontally" 0 2>/dev/null
	# Only the line of counters: more of it would be light in a covered lens.
	set-control /dev/video0 "OSD Text Mode" 1
}
prepare_camera

# h264, h265, jpeg and broker: ports outside.
for word in $(cat /proc/cmdline); do
	case $word in h264=* | h265=* | jpeg=* | broker=*) eval "$word" ;; esac
done
cat >/etc/amslpr.toml <<CONFIG
[journal]
path = "/tmp/journal.db"
[control]
socket = "/tmp/control.sock"
[engine]
order = ["cpu"]
[log]
plates = true
[mqtt]
host = "10.0.2.2"
port = $broker
client-id = "box"
[[camera]]
name = "yard"
decode = "auto"
[camera.v4l2]
device = "/dev/v4l/by-path/yard"
width = 320
height = 180
fps = 5
CONFIG
while read -r name port path; do
	cat >>/etc/amslpr.toml <<CAMERA
[[camera]]
name = "$name"
decode = "auto"
[camera.rtsp]
url = "rtsp://10.0.2.2:$port/$path"
CAMERA
done <<CAMERAS
street $h264 clip
lane $h265 quiet-h265
door $jpeg quiet-jpeg
CAMERAS
amslpr run --quiet --config /etc/amslpr.toml >/tmp/daemon.log 2>&1 &
daemon=$!
# What the firmware left on the line is no part of the next one.
echo
echo "the machine is up"

while read -r word; do
	case $word in
	unplug) echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind ;;
	plug)
		echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
		prepare_camera
		;;
	stall) set-control /dev/video0 "Percentage of Dropped Buffers" 100 ;;
	deliver) set-control /dev/video0 "Percentage of Dropped Buffers" 0 ;;
	cover) set-control /dev/video0 "Contrast" 0 ;;
	uncover) set-control /dev/video0 "Contrast" 128 ;;
	# Other edges than before: bars that lie instead of standing.
	turn) set-control /dev/video0 "Test Pattern" 3 ;;
	turn-back) set-control /dev/video0 "Test Pattern" 0 ;;
	reload) kill -HUP $daemon ;;
	size)
		rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$daemon/status)
		threads=$(sed -n 's/^Threads:[^0-9]*//p' /proc/$daemon/status)
		echo "size: $rss $threads $(ls /proc/$daemon/fd | wc -l)"
		;;
	end) break ;;
	esac
	echo "done: $word"
done
kill $daemon
wait $daemon
echo "ended: $?"
echo "== health"
amslpr journal health --json --limit 2000 --config /etc/amslpr.toml
echo "== passages"
amslpr passages --json --config /etc/amslpr.toml
echo "== verify"
amslpr journal verify --config /etc/amslpr.toml
echo "== log"
cat /tmp/daemon.log
echo "== end"
