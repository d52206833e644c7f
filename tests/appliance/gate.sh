#!/bin/sh
# A gate on the machine's GPIO chip: opened by hand and by message, at rest after a death. gate.sh LEVEL-FILE|none
. ./checks.sh
level=$1
if [ ! -e "$level" ] && [ ! -e /dev/gpiochip0 ]; then
	say "there is no GPIO chip: gates are left to tests/gate-machine.sh"
	exit 0
fi
line='"GPIO17"'
# QEMU's own chip has no names.
[ -e "$level" ] || line="{ chip = \"$(gpiodetect | sed -n '1s/.*\[\(.*\)\].*/\1/p')\", offset = 0 }"
cat >/etc/amslpr/conf.d/gate.toml <<GATE
[[gate]]
name = "north"
cameras = []
pulse = "5s"
[gate.gpio]
line = $line
GATE
systemctl reload amslpr
check "a gate that is new in the configuration is wired by a reload" eval 'amslpr status | grep -q "gate  *north"'
# The line's level, as the chip has it.
read_level() {
	if [ -e "$level" ]; then cat "$level"; else gpioinfo -c gpiochip0 0 2>/dev/null | grep -q 'active' && echo '?'; fi
}
check "its line is at rest" eval '[ ! -e "$level" ] || test "$(cat "$level")" = 0'
check "it is opened by hand" eval 'amslpr gate open north --reason "the post" | tee /tmp/opened | grep -q "was asked to open"'
if [ -e "$level" ]; then
	sleep 1
	check "the line is on during the pulse" same "$(cat "$level")" 1
	sleep 6
	check "and at rest after it" same "$(cat "$level")" 0
fi
expires=$(date -u -d '+20 sec' +%FT%TZ)
check "it is opened by a command over MQTT" eval 'mosquitto_sub -h 127.0.0.1 -t "amslpr/box/cmd/reply/#" -C 1 -W 30 >/tmp/reply & sleep 1; mosquitto_pub -h 127.0.0.1 -V 5 -q 1 -t amslpr/box/cmd/gate/open -m "{\"id\": \"g1\", \"expires_at\": \"'"$expires"'\", \"gate\": \"north\", \"reason\": \"test\"}"; wait; cat /tmp/reply; grep -q "was asked to open" /tmp/reply'
if [ -e "$level" ]; then
	sleep 6
	amslpr gate open north --reason 'dies in the middle' >/dev/null
	killed=$(property MainPID)
	kill -9 "$killed"
	rest() { [ "$(cat "$level")" = 0 ]; }
	check "killed in mid-pulse, the line comes to rest" wait_for 10 rest
fi
rm /etc/amslpr/conf.d/gate.toml
wait_for 60 systemctl is-active amslpr
check "a gate that is gone from the configuration is unwired" eval 'systemctl reload amslpr; ! amslpr status | grep -q "gate  *north"'
