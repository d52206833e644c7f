"""Compares what amslpr printed (JSON lines on standard input) with the truth beside the fixtures.

compare.py pictures TRUTH   every picture was looked at; most of its plates were read to the letter
compare.py passages TRUTH   every car of the clip is one passage, with its plate

The floors are far below what is measured: they catch a broken pipeline, not a weaker network.
"""

import collections
import json
import pathlib
import sys

LEAST_SHARE = 0.5


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def pictures(truth, found):
    known = {entry["image"]: [plate["text"] for plate in entry["plates"]] for entry in truth}
    read = {entry["image"]: [plate["text"] for plate in entry["plates"]] for entry in found}
    faults = [f"{name} was not looked at" for name in known if name not in read]
    total = sum(map(len, known.values()))
    right = sum(
        (collections.Counter(texts) & collections.Counter(read.get(name, []))).total() for name, texts in known.items()
    )
    for name, texts in sorted(known.items()):
        print(f"{name}: {', '.join(texts) or 'none'}; read {', '.join(t or '?' for t in read.get(name, [])) or 'none'}")
    if right < LEAST_SHARE * total:
        faults.append(f"only {right} of {total} plates were read")
    print(f"{right} of {total} plates to the letter")
    return faults


def passages(truth, found):
    known = {plate["text"] for line in truth for plate in line.get("plates", [])}
    told = collections.Counter(passage["plate"] for passage in found)
    print(f"cars: {', '.join(sorted(known))}")
    print(f"passages: {', '.join(f'{text} x{count}' for text, count in told.items())}")
    faults = [f"{text} is no passage" for text in known if not told[text]]
    faults += [f"{text} is {count} passages" for text, count in told.items() if count > 1]
    faults += [f"{text} is a passage that never was" for text in told if text is not None and text not in known]
    return faults


def main():
    kind, path = sys.argv[1:]
    compare = {"pictures": pictures, "passages": passages}[kind]
    faults = compare(lines(pathlib.Path(path).read_text(encoding="utf-8")), lines(sys.stdin.read()))
    for fault in faults:
        print(f"wrong: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
