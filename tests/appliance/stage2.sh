#!/bin/sh
# After the plug was pulled: everything that was told is there, and the service is up by itself.
. ./checks.sh
check "after the plug was pulled the service comes up by itself" wait_for 120 systemctl is-active amslpr
up=$(($(property ActiveEnterTimestampMonotonic) / 1000))
after=$((($(property ActiveEnterTimestampMonotonic) - $(property InactiveExitTimestampMonotonic)) / 1000))
say "from the machine's start to READY: $up ms, $after ms of it the service's own"
check "the journal is sound" amslpr journal verify
check "what subscribers were told is in it" eval 'amslpr passages | grep -q "$(cat /var/tmp/told)"'

# A journal of a newer version, as after a downgrade.
systemctl stop amslpr
cp -a /var/lib/amslpr/journal.db /var/tmp/journal.db
sqlite3 /var/lib/amslpr/journal.db 'PRAGMA user_version = 99'
systemctl start amslpr 2>/dev/null
sleep 20
check "a journal of a newer version is refused with a reason, once" eval 'systemctl show --property ExecMainStatus,NRestarts amslpr | paste -sd" " | grep -E "ExecMainStatus=78"; systemctl is-failed amslpr; journalctl --unit amslpr --boot --no-pager | grep -q "written by a newer amslpr"'
check "and left as it is" same "$(sqlite3 /var/lib/amslpr/journal.db 'PRAGMA user_version')" 99
cp -a /var/tmp/journal.db /var/lib/amslpr/journal.db

# An empty folder of networks; a password that is not there.
printf '[engine]\nmodels = "/var/lib/amslpr/models"\n' >/etc/amslpr/conf.d/engine.toml
check "an empty folder of networks is found by check" eval 'amslpr check --offline >/tmp/empty 2>&1; test $? -eq 1 && grep "no model directory" /tmp/empty'
rm /etc/amslpr/conf.d/engine.toml
printf '[[camera]]\nname = "secret"\n[camera.rtsp]\nurl = "rtsp://127.0.0.1/x"\nusername = "a"\npassword = { credential = "amslpr.not-there" }\n' >/etc/amslpr/conf.d/secret.toml
systemctl restart amslpr 2>/dev/null
sleep 5
check "a password that is missing is named" eval 'journalctl --unit amslpr --boot --no-pager | grep -q "amslpr.not-there"'
mkdir -p /etc/credstore
printf 'open sesame' >/etc/credstore/amslpr.not-there
systemctl reset-failed amslpr
check "and found when it is in the credential store" eval 'systemctl restart amslpr && systemctl is-active amslpr'
rm /etc/amslpr/conf.d/secret.toml

# A disk that is full at the start.
systemctl stop amslpr
fallocate -l "$(($(stat -f -c '%a * %S' / | sed 's/^/(/; s/$/)/') - 1048576))" /full 2>/dev/null || dd if=/dev/zero of=/full bs=1M 2>/dev/null
systemctl restart amslpr
sleep 10
say "with a full disk: $(systemctl is-active amslpr), $(property StatusText)"
rm /full
check "a full disk at the start is got over when there is room" wait_for 120 systemctl is-active amslpr

apt-get purge --yes amslpr >/tmp/purge 2>&1
check "a purge succeeds" grep -q 'Purging configuration files for amslpr' /tmp/purge
rm -f /etc/amslpr/conf.d/*
rmdir /etc/amslpr/conf.d /etc/amslpr 2>/dev/null
check "and leaves nothing but the user" eval 'left=$(find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log -o -path /tmp \) -prune -o -iname "*amslpr*" -print | grep -v -e /etc/apt/ -e /etc/credstore -e /var/lib/apt/ -e /var/cache/apt -e /etc/.pwd); echo "$left"; test -z "$left"'
echo "all is well"
