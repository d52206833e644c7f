# shellcheck shell=sh
# The words that the stages of the test are written in; to be sourced.
said=/tmp/said
page=/tmp/page
say() { echo "   $*"; }
check() { # check "what is promised" command...
	what=$1
	shift
	if "$@" >$said 2>&1; then echo "ok: $what"; else
		echo "FAILED: $what"
		tail -n 12 $said | sed 's/^/   | /'
		journalctl --unit amslpr --lines 8 --no-pager --output cat | sed 's/^/   # /'
	fi
}
all() { # all "command" "command"...: each of them, and which did not
	for each in "$@"; do
		eval "$each" || { echo "not so: $each" && return 1; }
	done
}
same() { [ "$1" = "$2" ] || { echo "$1 is not $2" && false; }; }
most() { [ "$1" -le "$2" ] || { echo "$1 is more than $2" && false; }; }
least() { [ "$1" -ge "$2" ] || { echo "$1 is less than $2" && false; }; }
# Greps in which nothing may be found; a file that is empty or not there proves nothing.
none() { # none FILE grep's words...
	file=$1
	shift
	test -s "$file" && ! grep "$@" "$file"
}
hundredths() { cut -d' ' -f1 /proc/uptime | tr -d .; } # of seconds, since the machine's start
wait_for() { # wait_for seconds command...
	until=$(($(hundredths) + $1 * 100))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(hundredths)" -lt "$until" ] || { echo "not within its time: $*" && return 1; }
		sleep 0.1
	done
}
exits() { # exits CODE command...: its words are in /tmp/words
	code=$1
	shift
	"$@" >/tmp/words 2>&1
	set -- "$?"
	cat /tmp/words
	same "$1" "$code"
}
property() { systemctl show --property "$1" --value amslpr; }
installed() { dpkg-query --show --showformat='${Version}' amslpr; }
# What the running daemon says of itself. Nothing is concluded from a page that is not there.
look() { amslpr status >$page && grep '^verdict ' $page; }
shows() { look && grep "$@" $page; }
lacks() { look && none $page "$@"; }
camera_is() { shows "^camera  *$1: $2"; }
frames() { amslpr status | sed -n "s/^camera  *$1: [a-z]*, .* a second, \([0-9]*\) frames.*/\1/p"; }
gives_frames() { # gives_frames camera
	count=$(frames "$1")
	[ -n "$count" ] && [ "$count" -gt 0 ]
}
told() { journalctl --unit amslpr --boot --no-pager | grep "$@"; }
# What was told since a moment, with its fields; `mark` is that moment.
mark() { journalctl --sync && journalctl --unit amslpr --lines 0 --show-cursor | sed -n 's/^-- cursor: //p' >/tmp/cursor; }
since() { journalctl --sync && journalctl --unit amslpr --after-cursor "$(cat /tmp/cursor)" --no-pager "$@"; }
