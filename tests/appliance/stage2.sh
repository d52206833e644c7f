#!/bin/sh
# After the plug was pulled: everything that was told is there, and the service is up by itself. Then bad input at a start.
. ./checks.sh
check "after the plug was pulled the service comes up by itself" wait_for 120 systemctl is-active amslpr
after=$((($(property ActiveEnterTimestampMonotonic) - $(property InactiveExitTimestampMonotonic)) / 1000))
say "at a boot, from the service's start to READY: $after ms"
# A container counts from its host's start.
[ "$machine" = container ] || say "from the machine's: $(($(property ActiveEnterTimestampMonotonic) / 1000)) ms"
[ "$machine" = emulated ] || check "not more than 3 s" all 'test "$after" -gt 0' 'most "$after" 3000'
check "the journal is sound" amslpr journal verify
check "what subscribers were told is in it" all 'test -s /var/tmp/told' 'amslpr passages | grep -f /var/tmp/told'
rm -f /etc/amslpr/conf.d/demo.toml
systemctl restart amslpr

ends_for_good() { # ends_for_good CODE: failed with it, and not tried again
	for _ in 1 2 3 4 5 6; do
		sleep 1
		same "$(property ActiveState) $(property Result) $(property ExecMainStatus) $(property NRestarts)" "failed exit-code $1 0" && quiet=$((quiet + 1))
	done
	least "$quiet" 3
}
start_in_vain() { # start_in_vain CODE
	quiet=0
	systemctl reset-failed amslpr 2>/dev/null
	mark
	! systemctl start amslpr && wait_for 30 eval 'test "$(property ActiveState)" = failed' && ends_for_good "$1"
}

# A file that was half written when the machine started anew; a key of another version.
systemctl stop amslpr
printf '[[camera]]\nname = "half"\n[camera.v4l2]\ndevi' >/etc/amslpr/conf.d/half.toml
check "with a half-written file it does not start, says so once and is not tried again" start_in_vain 78
check "and says where" eval 'since --output json | grep "half.toml:4"'
printf '[engine]\nthreadz = 2\n' >/etc/amslpr/conf.d/half.toml
check "nor with a key that this version does not know" start_in_vain 78
check "which is named, with what was meant" all 'since --output json | grep threadz' 'since --output json | grep "half.toml:2"'
rm /etc/amslpr/conf.d/half.toml
check "it starts without them" all 'systemctl reset-failed amslpr' 'systemctl start amslpr' look

# A journal of a newer version, as after a downgrade.
check "a backup is made beside the running daemon" runuser -u amslpr -- amslpr journal backup /var/tmp/before.db.gz
systemctl stop amslpr
sqlite3 /var/lib/amslpr/journal.db 'PRAGMA user_version = 99'
check "a journal of a newer version is refused, once" start_in_vain 78
check "with the reason" eval 'since | grep "written by a newer amslpr"'
check "and left as it is" same "$(sqlite3 /var/lib/amslpr/journal.db 'PRAGMA user_version')" 99
check "a backup from before takes its place, as the package advises" all 'runuser -u amslpr -- amslpr journal restore /var/tmp/before.db.gz' 'systemctl reset-failed amslpr' 'systemctl start amslpr' look 'amslpr journal verify'

# An empty folder of networks; a password that is not there.
printf '[engine]\nmodels = "/var/lib/amslpr/models"\n[[camera]]\nname = "again"\n[camera.replay]\npath = "/usr/share/doc/amslpr/examples/demo/drive-by.mp4"\n' \
	>/etc/amslpr/conf.d/engine.toml
check "an empty folder of networks is found by check" all 'exits 1 amslpr check --offline' 'grep "no model directory" /tmp/words' 'grep /var/lib/amslpr/models /tmp/words'
mark
systemctl reset-failed amslpr 2>/dev/null
systemctl restart amslpr
sleep 5
empty() { since --output json | grep /var/lib/amslpr/models; }
say "a daemon without networks: $(property ActiveState), $(property StatusText)"
check "and the daemon says that it has none" wait_for 30 empty
check "it is not well then" eval 'test "$(property ActiveState)" != active || { amslpr status --json >/tmp/json; none /tmp/json "\"verdict\":\"ok\""; }'
rm /etc/amslpr/conf.d/engine.toml
printf '[[camera]]\nname = "secret"\n[camera.rtsp]\nurl = "rtsp://127.0.0.1/x"\nusername = "a"\npassword = { credential = "amslpr.not-there" }\n' >/etc/amslpr/conf.d/secret.toml
systemctl reset-failed amslpr 2>/dev/null
mark
systemctl restart amslpr
sleep 5
check "a password that is missing is named" eval 'since --output json | grep "amslpr.not-there"'
mkdir -p /etc/credstore
printf 'open sesame' >/etc/credstore/amslpr.not-there
systemctl reset-failed amslpr 2>/dev/null
check "and found when it is in the credential store" all 'systemctl restart amslpr' 'systemctl is-active amslpr' look 'shows secret'
rm -r /etc/amslpr/conf.d/secret.toml /etc/credstore

# A disk that is full at the start: a small one of its own, so that nothing else fills up.
systemctl stop amslpr
kept=$(sqlite3 /var/lib/amslpr/journal.db 'SELECT count(*) FROM facts')
mkdir /var/tmp/kept
cp -a /var/lib/amslpr/. /var/tmp/kept
mount -t tmpfs -o "size=32M,mode=0750,uid=$(id -u amslpr),gid=$(id -g amslpr)" tmpfs /var/lib/amslpr
cp -a /var/tmp/kept/journal.db /var/lib/amslpr/
dd if=/dev/zero of=/var/lib/amslpr/full bs=4k 2>/dev/null
check "the disk is full" same "$(df --output=avail /var/lib/amslpr | tail -n 1 | tr -d ' ')" 0
mark
systemctl start amslpr
sleep 10
state=$(property ActiveState)
say "with a full disk: $state, $(property StatusText)"
reason() { since --output json | grep -i -E 'disk.*full|no space|cannot be written'; }
degraded() { amslpr status --json >/tmp/json && none /tmp/json '"verdict":"ok"' && grep -i -E 'disk|journal' /tmp/json; }
case $state in
active) check "with a full disk it runs and is not well" wait_for 60 degraded ;;
*) check "with a full disk it says why it does not run" reason ;;
esac
rm /var/lib/amslpr/full
check "it is got over without help when there is room" all 'wait_for 120 systemctl is-active amslpr' 'wait_for 60 look'
check "with what was in the journal" least "$(sqlite3 /var/lib/amslpr/journal.db 'SELECT count(*) FROM facts')" "$kept"
systemctl stop amslpr
umount /var/lib/amslpr
check "and it runs on its own disk again" all 'systemctl reset-failed amslpr || true' 'systemctl start amslpr' look
