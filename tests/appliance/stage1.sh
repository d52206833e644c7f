#!/bin/sh
# First boot: add the source, install, cameras, broker, gate, privacy, reload, death, wedge. Ends by having the plug pulled.
. ./checks.sh
export DEBIAN_FRONTEND=noninteractive
[ "$(modprobe vivid n_devs=1 node_types=0x1 2>&1)" ] && say "there is no vivid camera" || vivid=yes
lines=$(modprobe gpio-sim 2>/dev/null && sh ./lines.sh || echo none)

echo "== $(uname -m), $(nproc) cores, $(uname -r)"
# README, "Install on a Pi": add the source, install.
wget --quiet --output-document=/etc/apt/keyrings/amslpr.asc "$server/repository/amslpr.asc"
wget --quiet --output-document=- "$server/repository/amslpr.sources" |
	sed "s#http://packages.example/#$server/repository/#" >/etc/apt/sources.list.d/amslpr.sources
check "the source is taken by apt, signature and all" eval 'apt-get update 2>&1 | tee /tmp/update; ! grep -E "^(W|E):" /tmp/update'
check "an earlier version is installed" apt-get install --yes amslpr=*~earlier
check "its service is enabled and runs" eval 'systemctl is-enabled amslpr && systemctl is-active amslpr'
mkdir -p /etc/amslpr/conf.d
cat >/etc/amslpr/conf.d/site.toml <<'SITE'
[mqtt]
host = "127.0.0.1"
client-id = "box"
commands = true
home-assistant = true
[health]
every = "2s"
SITE
echo '# edited here' >>/etc/amslpr/amslpr.toml
check "apt upgrades it and keeps the edited configuration" eval 'apt-get install --yes -o Dpkg::Options::=--force-confold amslpr && tail -n 1 /etc/amslpr/amslpr.toml | grep -q "edited here"'
say "installed: amslpr $(dpkg-query --show --showformat='${Version}, ${Installed-Size} KiB' amslpr)"
check "the version that runs is the new one" eval 'amslpr status --json | grep -q "\"version\":\"$(amslpr --version | cut -d" " -f2)\""'
systemctl start mosquitto

check "the package's files are as they were packed" eval 'test -z "$(dpkg --verify amslpr | grep -v " c ")"'
check "the user is in the groups of cameras and lines" eval 'id -nG amslpr | tr " " "\n" | grep -cxE "amslpr|video|gpio|hailo" | grep -qx 4'
check "the configuration is for root and the service" same "$(stat -c '%U %G %a' /etc/amslpr)" "root amslpr 750"
exposure=$(systemd-analyze security amslpr --no-pager 2>/dev/null | sed -n 's/.*exposure level for amslpr.service: \([0-9.]*\).*/\1/p')
say "exposure of the service, as systemd counts it: $exposure"
check "it is not more than 1.5" eval 'awk "BEGIN { exit !($exposure <= 1.5) }"'

systemctl restart amslpr
ready=$((($(property ActiveEnterTimestampMonotonic) - $(property ExecMainStartTimestampMonotonic)) / 1000))
say "from its start to READY: $ready ms"
began=$(millis)
amslpr check --offline >/dev/null
say "amslpr check --offline: $((($(millis) - began) * 10)) ms"
check "the manual pages are there" eval 'test -e /usr/share/man/man8/amslpr.8.gz && test -e /usr/share/man/man5/amslpr.toml.5.gz'
check "status tells of the running daemon" eval 'amslpr status | grep -q "^verdict "'
check "the doctor finds nothing bad" eval 'amslpr doctor'
amslpr doctor 2>&1 | sed 's/^/   /'

# The demo clip, as a camera.
cat >/etc/amslpr/conf.d/demo.toml <<'DEMO'
[[camera]]
name = "demo"
[camera.replay]
path = "/usr/share/doc/amslpr/examples/demo/drive-by.mp4"
speed = "fast"
# With nothing but recordings the daemon would end with them.
[[camera]]
name = "gone"
[camera.v4l2]
device = "/dev/video-not-there"
DEMO
[ -z "$vivid" ] || cat >/etc/amslpr/conf.d/yard.toml <<'YARD'
[[camera]]
name = "yard"
[camera.v4l2]
device = "/dev/video0"
width = 640
height = 360
fps = 5
YARD
rm -f /tmp/messages
mosquitto_sub -h 127.0.0.1 -t '#' -v >/tmp/messages &
before=$(property MainPID)
check "a reload takes the new cameras" systemctl reload amslpr
check "and does not restart" same "$(property MainPID)" "$before"
[ -z "$vivid" ] || check "a V4L2 camera is live" wait_for 60 camera_is yard live
passages() { [ "$(grep -c '^amslpr/box/camera/demo/passage ' /tmp/messages)" -ge 3 ]; }
check "the demo clip yields three passages" wait_for 1500 passages
sleep 5
plates=$(grep '^amslpr/box/camera/demo/passage ' /tmp/messages | sed 's/.*"text":"\([A-Z0-9]*\)".*/\1/' | sort | paste -sd' ')
check "with the right plates, each once" same "$plates" "HHKL2847 LM19XKD RTA4D27"
check "the broker has the health, the state and the discovery" eval 'for topic in amslpr/box/availability amslpr/box/health amslpr/box/info amslpr/box/camera/demo/state homeassistant/device/box/config; do grep -q "^$topic " /tmp/messages || { echo "$topic is missing"; exit 1; }; done'

journalctl --sync
check "the system's journal has the facts as fields" eval 'journalctl --unit amslpr AMSLPR_CAMERA=demo --output json --no-pager | grep -q AMSLPR_PASSAGE'
journalctl --unit amslpr --output json --no-pager >/tmp/journal
check "and no plate, as the privacy setting has it" none -E 'HHKL2847|LM19XKD|RTA4D27' /tmp/journal

# A configuration that is wrong.
printf '[[camera]]\nname = "half"\n[camera.v4l2]\ndevi' >/etc/amslpr/conf.d/half.toml
before=$(property MainPID)
check "a half-written configuration does not stop a reload" systemctl reload amslpr
check "the old one stays in use" eval 'test "$(property MainPID)" = '"$before"' && amslpr status | grep -q "the last reload was refused"'
check "systemctl says so" eval 'wait_for 10 eval "property StatusText | grep -q refused"'
check "the log says where it is wrong" eval 'journalctl --unit amslpr --no-pager | grep -q "reload refused"; journalctl --unit amslpr --output json --no-pager | grep -q "half.toml:[34]:"'
check "subscribers hear of it" wait_for 10 eval 'grep "^amslpr/box/health " /tmp/messages | tail -n 1 | grep -q "reload was refused"'
check "amslpr check says what is wrong, with 78" eval 'amslpr check --offline >/tmp/wrong 2>&1; test $? -eq 78 && grep -q half.toml:4 /tmp/wrong'
rm /etc/amslpr/conf.d/half.toml
check "the next reload is taken" eval 'systemctl reload amslpr && ! amslpr status | grep -q refused'
printf '[log]\nlevel = "debug"\n' >/etc/amslpr/conf.d/log.toml
systemctl reload amslpr
check "a reload that changes the log leaves the cameras alone" eval 'journalctl --unit amslpr --output json --no-pager | grep "\"reloaded\"" | tail -n 1 | grep -q "\"AMSLPR_CHANGED\":\"log\""'
rm /etc/amslpr/conf.d/log.toml
systemctl reload amslpr

# Death and wedge, told by a camera that gives frames: the virtual one, or a recording that begins anew.
[ -n "$vivid" ] || cat >/etc/amslpr/conf.d/yard.toml <<'YARD'
[[camera]]
name = "yard"
[camera.replay]
path = "/usr/share/doc/amslpr/examples/demo/drive-by.mp4"
YARD
sed -i '/drive-by/d; s/"demo"/"other"/; s/camera.replay/camera.v4l2/; /speed/d' /etc/amslpr/conf.d/demo.toml
systemctl reload amslpr
check "a camera that is gone from the configuration is closed" eval '! amslpr status | grep -q "demo:"'
check "another one gives frames" wait_for 60 gives_frames yard
restarted() { now=$(property MainPID) && [ "$now" != 0 ] && [ "$now" != "$killed" ] && gives_frames yard; }
killed=$(property MainPID)
began=$(millis)
kill -9 "$killed"
check "after kill -9 it comes back" wait_for 60 restarted
say "from kill -9 to frames again: $((($(millis) - began) * 10)) ms, 2000 of it are the restart's pause"

killed=$(property MainPID)
began=$(millis)
python3 ./wedge.py "$killed" "look yard" >/tmp/wedge 2>&1 &
check "a wedged unit leads to a restart" wait_for 90 restarted
took=$((($(millis) - began) / 100))
say "from the wedge to frames again: $took s"
check "within 45 s" most "$took" 45
check "by the watchdog" eval 'journalctl --unit amslpr --no-pager | grep -qi "watchdog"'

sh ./gate.sh "$lines"

check "timers for upkeep and backup" eval 'systemctl list-timers --all | grep -q amslpr-maintain.timer && systemctl start amslpr-maintain.service && systemctl start amslpr-backup.service && ls /var/lib/amslpr/backups/journal-*.db.gz'

# The plug is pulled while passages are written.
cat >/etc/amslpr/conf.d/demo.toml <<'DEMO'
[[camera]]
name = "again"
[camera.replay]
path = "/usr/share/doc/amslpr/examples/demo/drive-by.mp4"
speed = "fast"
DEMO
mosquitto_sub -h 127.0.0.1 -t 'amslpr/box/camera/again/passage' -C 1 -W 1500 >/tmp/one &
listener=$!
systemctl restart amslpr
wait $listener
check "a passage is told and recorded" eval 'grep -q text /tmp/one'
# What the broker was told is on the disk; what the shell wrote need not be.
sed -n 's/.*"text":"\([A-Z0-9]*\)".*/\1/p' /tmp/one >/var/tmp/told
sync /var/tmp/told
echo "pull the plug at stage 1"
sleep 600
