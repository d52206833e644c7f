#!/bin/sh
# A boot without a clock (an emulated machine's can be set back; a container has its host's), then the purge.
. ./checks.sh
export DEBIAN_FRONTEND=noninteractive
check "the service is there after a third start" wait_for 120 systemctl is-active amslpr
if [ "$machine" = emulated ]; then
	say "the machine has started with $(date -u +%F); systemd does not go behind its own release"
	# What a machine without a battery shows whose system is old.
	date -u -s '1970-01-01 00:02:00' >/dev/null
	systemctl stop amslpr
	printf '[[camera]]\nname = "again"\n[camera.replay]\npath = "/usr/share/doc/amslpr/examples/demo/drive-by.mp4"\nspeed = "fast"\n[[camera]]\nname = "gone"\n[camera.v4l2]\ndevice = "/dev/video-not-there"\n' \
		>/etc/amslpr/conf.d/demo.toml
	check "with a clock at 1970 it starts" all 'systemctl start amslpr' look
	unset_clock() { shows "nobody has set the clock"; }
	check "and says that the clock was never set" wait_for 30 unset_clock
	check "the doctor says so too" all '! amslpr doctor >/tmp/doctor' 'grep -E "BAD +clock" /tmp/doctor'
	passed() { amslpr passages | grep again; }
	check "passages are recorded" wait_for $((60 * slower + 300)) passed
	check "and say what their times are worth" eval 'amslpr passages --json | grep "\"again\"" | grep "\"clock\":\"unset\""'
	date -u -s '2027-01-01 12:00:00' >/dev/null
	set_clock() { lacks "nobody has set the clock"; }
	check "all is well when the clock is set" wait_for 90 set_clock
	check "the journal is sound across the jump" amslpr journal verify
	rm /etc/amslpr/conf.d/demo.toml
else
	say "a container has its host's clock: 1970 is left to MACHINE=emulated"
fi

check "a purge succeeds" eval 'apt-get purge --yes amslpr >/tmp/purge 2>&1; grep "Purging configuration files for amslpr" /tmp/purge'
rm -f /etc/amslpr/conf.d/*
rmdir /etc/amslpr/conf.d /etc/amslpr 2>/dev/null
left() {
	find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /tmp -o -path /var/tmp -o -path /served \) -prune -o -iname '*amslpr*' -print |
		grep -v -e /etc/apt/ -e /var/lib/apt/ -e /var/cache/apt -e /etc/.pwd
}
check "and leaves nothing but the user" same "$(left)" ""
check "no unit of it is left" same "$(systemctl list-unit-files --no-legend 'amslpr*' | wc -l)" 0
echo "all is well"
