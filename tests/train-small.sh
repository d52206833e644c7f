#!/bin/sh
# The training recipe in its --small form: toys of both networks from drawn plates alone. Checks that the
# laws of the pure parts hold, the losses fell, that both ONNX files load and give what their descriptions promise, and that bad data is
# refused by name. AMSLPR_TRAIN_PYTHON may name a Python that has models/train/requirements.txt already.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${AMSLPR_TRAIN_PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/models/train/requirements.txt"
    python=$work/venv/bin/python
fi
unset AMSLPR_DATA

(cd "$here/models/train" && "$python" -m unittest discover --start-directory tests)
"$python" "$here/models/train/train.py" --small ${AMSLPR_TRAIN_ONLY:+--only "$AMSLPR_TRAIN_ONLY"} --out "$work/toys"
"$python" - "$work/toys" <<'PYTHON'
import hashlib, pathlib, sys, tomllib
import numpy, onnxruntime
folder = pathlib.Path(sys.argv[1])
found = sorted(folder.glob("*.toml"))
assert found, f"no description in {folder}"
for path in found:
    d = tomllib.loads(path.read_text())
    model = folder / d["file"]
    assert hashlib.sha256(model.read_bytes()).hexdigest() == d["sha256"], f"{model}: SHA-256 differs from {path}"
    session = onnxruntime.InferenceSession(str(model))
    i = d["input"]
    shape = [1, i["channels"], i["height"], i["width"]]
    assert [i["name"]] == [v.name for v in session.get_inputs()], path
    out = session.run(d["output"]["names"], {i["name"]: numpy.zeros(shape, numpy.float32)})
    assert all(numpy.isfinite(v).all() for v in out), path
    if d["output"]["decoder"] == "ctc":
        assert out[0].shape[2] == len(d["output"]["alphabet"]) + 1, out[0].shape
    print(f"{path.name}: loads, {[v.shape for v in out]}")
PYTHON

# A data folder that is none is an error that names it, never a silent synthetic run.
if AMSLPR_DATA=$work/nowhere "$python" "$here/models/train/train.py" --only reader --minutes 1 --out "$work/x" 2>"$work/said"; then
    echo "train-small: a missing data folder was accepted" >&2
    exit 1
fi
grep -q "$work/nowhere" "$work/said"

# Corrupt pictures and boxes outside their picture are skipped and counted.
mkdir -p "$work/bad/plates-real/train"
"$python" - "$work/bad/plates-real" "$here/models/train" <<'PYTHON'
import json, pathlib, sys
sys.path.insert(0, sys.argv[2])
import cv2, numpy
from reader import real
folder = pathlib.Path(sys.argv[1])
cv2.imwrite(str(folder / "train/good.png"), numpy.full((80, 200), 128, numpy.uint8))
(folder / "train/corrupt.png").write_bytes(b"no picture")
rows = [("train/good.png", [10, 10, 60, 20]), ("train/good.png", [500, 10, 60, 20]), ("train/corrupt.png", [1, 1, 50, 20]), ("train/missing.png", [1, 1, 50, 20])]
lines = [json.dumps({"image": i, "plates": [{"box": b, "text": "AB123"}]}) for i, b in rows]
(folder / "train.jsonl").write_text("\n".join(lines))
found = real.load(folder, "train.jsonl")
assert len(found.plates) == 1, found.plates
assert found.skipped == {"picture missing or corrupt": 2, "box outside its picture or empty": 1}, found.skipped
(folder / "train.jsonl").write_text(lines[0] + "\n{broken")
try:
    real.load(folder, "train.jsonl")
except real.DataError as error:
    assert "line 2" in str(error), error
else:
    raise SystemExit("a broken annotation line was accepted")
PYTHON
echo "train-small: ok"
