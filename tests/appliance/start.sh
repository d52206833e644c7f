#!/bin/sh
# In the machine: fetches the test's parts, runs one stage of it, switches the machine off. tests/appliance.sh boots it.
cd /root || exit 1
for part in $parts; do
	wget --quiet --output-document="$part" "$server/$part" || echo "FAILED: $part could not be fetched"
done
sh "./stage$stage.sh"
echo "stage $stage is over"
sync
poweroff
