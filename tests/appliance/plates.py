"""The plates of the passages that a subscriber wrote down, a line each: plates.py TOPIC < what `mosquitto_sub -v` printed."""

import json
import sys

for line in sys.stdin:
    topic, _, message = line.partition(" ")
    if topic == sys.argv[1]:
        print(json.loads(message)["plate"])
