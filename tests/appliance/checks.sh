# The words that the stages of the test are written in; to be sourced.
say() { echo "   $*"; }
check() { # check "what is promised" command...
	what=$1
	shift
	if "$@" >/tmp/said 2>&1; then echo "ok: $what"; else
		echo "FAILED: $what"
		tail -n 12 /tmp/said | sed 's/^/   | /'
		journalctl --unit amslpr --lines 8 --no-pager --output cat | sed 's/^/   # /'
	fi
}
same() { [ "$1" = "$2" ] || { echo "$1 is not $2" && false; }; }
most() { [ "$1" -le "$2" ] || { echo "$1 is more than $2" && false; }; }
none() { ! grep "$@"; }
millis() { cut -d' ' -f1 /proc/uptime | tr -d .; } # hundredths of seconds, in fact
wait_for() { # wait_for seconds command...
	until=$(($(millis) + $1 * 100))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(millis)" -lt "$until" ] || return 1
		sleep 0.1
	done
}
property() { systemctl show --property "$1" --value amslpr; }
verdict() { amslpr status --json | sed 's/.*"verdict":"\([a-z]*\)".*/\1/'; }
camera_is() { amslpr status | grep -q "^camera  *$1: $2"; }
frames() { amslpr status | sed -n "s/^camera  *$1: [a-z]*, \([0-9]*\) frames.*/\1/p"; }
gives_frames() { # gives_frames camera: one more than before
	now=$(frames "$1")
	[ -n "$now" ] && [ "$now" -gt 0 ]
}
