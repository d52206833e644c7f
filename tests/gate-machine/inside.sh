#!/bin/busybox sh
# The first and only process of the emulated machine: tests/gate-machine.sh started it. Says "ok" or "FAILED" for each
# promise, then switches the machine off.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
trap 'poweroff -f' EXIT

pins=/sys/module/gpio_rig/parameters
level() { cut -d, -f"$1" $pins/levels; }       # of the first, second ... line
changes() { dmesg | grep -c "gpio-rig: $1 "; } # so far
say() { echo "   $*"; }
check() { # check "what is promised" command...
	what=$1
	shift
	if "$@"; then echo "ok: $what"; else
		echo "FAILED: $what"
		tail -n 9 /tmp/daemon.log /tmp/said 2>/dev/null
	fi
}
same() { [ "$1" = "$2" ] || { say "$1 is not $2" && false; }; }
within() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || { say "$1 is not in $2..$3" && false; }; }
seconds() { cut -d. -f1 /proc/uptime; }
wait_for() { # wait_for seconds command...
	until=$(($(seconds) + $1))
	shift
	until "$@"; do
		[ "$(seconds)" -lt $until ] || return 1
		usleep 50000
	done
}
is_level() { [ "$(level "$1")" = "$2" ]; }
# Length of the last pulse of a line, in ms: it went to $2 and came back.
last_pulse() {
	dmesg | sed -n "s/.*gpio-rig: $1 \([01]\) at \([0-9]*\) us/\1 \2/p" | tail -n 2 |
		awk -v on="$2" '$1 == on { began = $2 } $1 != on { print int(($2 - began) / 1000) }'
}
start() {
	amslpr run --config /etc/amslpr.toml >>/tmp/daemon.log 2>&1 &
	daemon=$!
	# The program links to 150 libraries; an emulated machine takes its time for them.
	wait_for 90 listens && wait_for 90 answers
}
listens() { [ -S /run/amslpr/control.sock ]; }
answers() { open nowhere | grep -q 'there is no gate'; }
open() { amslpr gate open "$1" --reason test --config /etc/amslpr.toml 2>&1; }
opened() { open "$1" | tee /tmp/said | grep -q 'was asked to open'; }
refused() { open "$1" | tee /tmp/said | grep -q "not opened: $2"; }

cat >/etc/amslpr.toml <<'CONFIG'
[journal]
path = "/tmp/journal.db"
[engine]
order = ["cpu"]
[[camera]]
name = "drive-in"
[camera.v4l2]
[[gate]]
name = "north"
cameras = ["drive-in"]
gap = "1s"
[gate.gpio]
line = "GPIO17"
[gate.interlock]
line = "GPIO5"
[[gate]]
name = "south"
cameras = ["drive-in"]
pulse = "10s"
gap = "100ms"
[gate.gpio]
line = { chip = "gpio-rig", offset = 1 }
active-low = true
[[gate]]
name = "controller"
cameras = ["drive-in"]
[gate.wiegand]
d0 = "GPIO23"
d1 = "GPIO24"
manual-card = 8441621
CONFIG

insmod /gpio-rig.ko || echo "FAILED: no GPIO chip"

# A start moves nothing but the line that rests at its high level.
check "the daemon starts and listens" start
usleep 1000000
check "a start moves no line" same "$(changes GPIO17) $(changes GPIO23) $(changes GPIO24)" "0 0 0"
check "an active-low line rests high" same "$(level 2) $(changes GPIO27)" "1 1"

check "a gate is opened by hand" opened north
wait_for 5 is_level 1 0
check "by exactly one pulse" same "$(changes GPIO17)" 2
pulse=$(last_pulse GPIO17 1)
say "pulse of 500 ms measured at the pin: $pulse ms"
check "for the configured time" within "$pulse" 500 700

# The interlock: the third line.
echo 0,0,1,0,0,0,0,0 >$pins/inputs
usleep 300000
check "the interlock refuses" refused north interlock
check "and the line does not move" same "$(changes GPIO17)" 2
echo 0,0,0,0,0,0,0,0 >$pins/inputs
usleep 300000
check "without it the gate opens again" opened north
echo 0,0,1,0,0,0,0,0 >$pins/inputs
wait_for 5 is_level 1 0
pulse=$(last_pulse GPIO17 1)
say "pulse of 500 ms cut by the interlock after $pulse ms"
check "the interlock cuts a pulse short" within "$pulse" 1 450
echo 0,0,0,0,0,0,0,0 >$pins/inputs

kill -HUP $daemon
usleep 500000
check "a reload moves no line" same "$(changes GPIO17) $(changes GPIO27)" "4 1"

# Wiegand: a pulse on the one line is a 0, on the other a 1.
check "a number is sent to the access controller" opened controller
bits=$(dmesg | sed -n 's/.*gpio-rig: GPIO23 1 .*/0/p; s/.*gpio-rig: GPIO24 1 .*/1/p' | tr -d '\n')
say "bits at the pins: $bits"
check "the pins carry its 26 bits" same "$bits" 11000000011001111000101010

# Killed in mid-pulse: the chip keeps the line as it was, until somebody brings it to rest.
check "a long pulse begins" opened south
same "$(level 2)" 0 || echo "FAILED: the line is not on"
kill -9 $daemon
wait $daemon 2>/dev/null
usleep 1000000
check "the line is still on when the daemon is dead (so the next check means something)" same "$(level 2)" 0
began=$(cut -d' ' -f1 /proc/uptime)
check "gate release succeeds" eval 'amslpr gate release --config /etc/amslpr.toml'
say "gate release from $began to $(cut -d' ' -f1 /proc/uptime) s of the machine's time"
check "and brings the line to rest" same "$(level 2)" 1
before=$(changes GPIO27)
check "gate release can be repeated" eval 'amslpr gate release --config /nowhere || true'
usleep 200000
check "and moves nothing then" same "$(changes GPIO27)" "$before"

check "the daemon starts again" start
usleep 1000000
check "and moves no line" same "$(changes GPIO17) $(changes GPIO27)" "4 $before"
check "a long pulse begins again" opened south
kill $daemon
wait_for 20 is_level 2 1
check "a stop in mid-pulse brings the line to rest" same "$(level 2)" 1
wait $daemon
pulse=$(last_pulse GPIO27 0)
check "long before the pulse would have ended" within "$pulse" 1 9000

echo "all is well"
