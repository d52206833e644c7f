#!/bin/busybox sh
# The first process of the machine that tests/power-cut.sh starts: checks what the last cut left, records, and is cut.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
trap 'poweroff -f' EXIT

while read -r module; do insmod "/$module"; done </modules
mkdir /data
mount -t ext4 /dev/vda /data || { echo; echo "FAILED: the disk cannot be mounted"; exit; }
# The firmware left the cursor in the middle of a line.
echo
said() { sed -n "s/.*\b$1=\([0-9,-]*\).*/\1/p" /proc/cmdline; }
told=$(said told) cut=$(said cut) ranges=$(said ranges)
export AMSLPR_TEST_JOURNAL=/data/journal.db
of_its_own() { journal_crash --ignored --exact --nocapture "$1" >/tmp/said 2>&1; }

if [ "$told" -gt 0 ]; then
	if AMSLPR_TEST_RANGES=$ranges of_its_own a_process_of_its_own_that_checks; then
		sed -n 's/^checked/   &/p' /tmp/said
	else
		echo "FAILED: something is lost"
		tail -n 9 /tmp/said
		exit
	fi
	amslpr journal verify /data/journal.db >/tmp/verified 2>&1 || { echo "FAILED: not sound"; cat /tmp/verified; exit; }
	ls /data | grep corrupt && echo "FAILED: a journal was put aside"
fi
echo "ok: nothing is lost"
[ "$cut" -gt 0 ] || exit

AMSLPR_TEST_FROM=$((told + 1000)) journal_crash --ignored --exact --nocapture a_process_of_its_own_that_records &
# From the first word on, any moment is as good as another.
until [ -s /data/journal.db-wal ]; do usleep 100000; done
usleep $((cut * 1000))
echo 1 >/proc/sys/kernel/sysrq
echo b >/proc/sysrq-trigger
