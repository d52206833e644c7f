# shellcheck shell=sh
# The gate of the test: a GPIO chip that the test brings (amd64) or that the machine has (arm64, told by the emulator), or, in a
# container, a relay on the network. To be sourced by stage1.sh. What happened at it is counted where it happens.
relayed=/tmp/relay
if [ -e /sys/module/gpio_rig ]; then
	rig=pin line='line = "GPIO17"'
elif [ -e /dev/gpiochip0 ] && [ "$machine" = emulated ]; then
	# QEMU's own chip has no names.
	rig=chip line="line = { chip = \"$(gpiodetect | sed -n '1s/.*\[\(.*\)\].*/\1/p')\", offset = 0 }"
else
	say "there is no GPIO chip: the gate is a relay on the network; tests/gate-machine.sh has pins"
	rig=relay line='url = "http://127.0.0.1:8480/on"\nrelease-url = "http://127.0.0.1:8480/off"'
	: >$relayed
	python3 ./relay.py 8480 $relayed &
fi
# Every change, a line each: the level, and when in microseconds.
edges() {
	case $rig in
	pin) dmesg | sed -n 's/.*gpio-rig: GPIO17 \([01]\) at \([0-9]*\) us.*/\1 \2/p' ;;
	chip) wget --quiet --output-document=- "$server/edges" |
		sed -n 's/^[0-9]*@\([0-9]*\)\.\([0-9]*\):pl061_set_output .* output 0 to \([01]\).*/\3 \1\2/p' ;;
	relay) cat $relayed ;;
	esac
}
level() { edges | tail -n 1 | cut -d' ' -f1; }
is_level() { [ "$(level)" = "$1" ]; }
# pulsed N: so many pulses and no more since $rest was counted, and at rest after them.
pulsed() {
	count=$(($(edges | wc -l) - rest))
	same "$count" $((2 * $1)) && is_level 0
}
last_pulse() { edges | tail -n 2 | awk '$1 == 1 { began = $2 } $1 == 0 { print int(($2 - began) / 1000) }'; }

gate_at_a_live_camera() {
	cat >/etc/amslpr/conf.d/street.toml <<-'STREET'
		[[camera]]
		name = "street"
		[camera.rtsp]
		url = "rtsp://127.0.0.1:8554/clip"
	STREET
	sed -i 's/^cameras = .*/cameras = ["street"]/' /etc/amslpr/conf.d/site.toml
	# An emulated machine has no strength to spare for large pictures of nothing.
	[ -z "$vivid" ] || sed -i '/^device = /a width = 640\nheight = 360\nfps = 5' /etc/amslpr/conf.d/site.toml
	rest=$(edges | wc -l)
	check "a camera and its gate are wired by a reload" all 'systemctl reload amslpr' 'shows "^gate  *north"' 'wait_for 60 camera_is street live'
	check "at rest: vehicles that are on no list do not open it" all 'wait_for $((60 * slower)) saw_a_vehicle' 'pulsed 0'
	check "a vehicle is listed, as README has it" amslpr plates add residents HHKL2847
	mosquitto_sub -h 127.0.0.1 -t 'amslpr/+/camera/street/decision' -W $((90 * slower)) >/tmp/decisions &
	listener=$!
	began=$(hundredths)
	opened() { pulsed 1; }
	check "it drives up, and the gate opens by one pulse" wait_for $((60 * slower)) opened
	say "which it does $((($(hundredths) - began) / 100)) s later"
	sleep 3
	check "and by no second one" pulsed 1
	check "because of that plate" all 'grep HHKL2847 /tmp/decisions | grep "\"admit\""' 'none /tmp/decisions -E "(LM19XKD|RTA4D27).*admit"'
	kill $listener
	# Without a list of their name its entries would be something to complain of.
	check "it is taken off the list" amslpr plates remove residents HHKL2847 'B 123 ABC'
	rm /etc/amslpr/conf.d/street.toml
	sed -i 's/^cameras = .*/cameras = []/' /etc/amslpr/conf.d/site.toml
	systemctl reload amslpr
}
saw_a_vehicle() { amslpr passages | grep street; }

gate_in_distress() {
	case $rig in relay) kind=http ;; *) kind=gpio ;; esac
	printf "[[gate]]\nname = \"north\"\ncameras = []\npulse = \"10s\"\n[gate.$kind]\n$line\n" >/etc/amslpr/conf.d/gate.toml
	rest=$(edges | wc -l)
	check "a gate that is new in the configuration is wired by a reload" all 'systemctl reload amslpr' 'shows "gate  *north"' 'pulsed 0'
	mosquitto_sub -h 127.0.0.1 -t "amslpr/box/cmd/reply/#" -C 1 -W 60 >/tmp/reply &
	listener=$!
	sleep 2
	expires=$(date -u -d '+28 sec' +%FT%TZ)
	check "it is opened by a command over MQTT" all \
		'mosquitto_pub -h 127.0.0.1 -V 5 -q 1 -t amslpr/box/cmd/gate/open -m "{\"id\": \"g1\", \"expires_at\": \"$expires\", \"gate\": \"north\", \"reason\": \"test\"}"' \
		'wait $listener' 'cat /tmp/reply' 'grep "was asked to open" /tmp/reply'
	check "its line is on during the pulse" wait_for 5 is_level 1
	check "and at rest after it" wait_for 20 pulsed 1
	say "pulse of 10 s, measured at the $rig: $(last_pulse) ms"
	sleep 3
	check "it is opened by hand" all 'amslpr gate open north --reason "dies in the middle" | grep "was asked to open"' 'wait_for 5 is_level 1'
	killed=$(property MainPID)
	mark
	kill -9 "$killed"
	# Until the next start, systemd knows how what was run after the death ended.
	released() { systemctl show --property ExecStopPost amslpr | grep 'code=exited ; status=0'; }
	check "killed in mid-pulse, the gate is released by what runs after every death" wait_for 5 released
	check "the line comes to rest" wait_for 5 pulsed 2
	say "on for $(last_pulse) ms of its 10 s"
	check "long before the pulse would have ended" most "$(last_pulse)" 8000
	back() { now=$(property MainPID) && [ "$now" != 0 ] && [ "$now" != "$killed" ] && look; }
	check "the daemon comes back" wait_for 60 back
	sleep 2
	check "and switches nothing by doing so" pulsed 2
	rm /etc/amslpr/conf.d/gate.toml
	check "a gate that is gone from the configuration is unwired" all 'systemctl reload amslpr' 'lacks "gate  *north"'
}
