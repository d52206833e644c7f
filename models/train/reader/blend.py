"""Weights between those of two runs of one descent: `python -m reader.blend OLD.pt NEW.pt --share 0.85 --out FILE`.

A run that starts from another's weights learns its photographs better and may lose some of what the first knew of
others; in between lies a network that does both. Only for runs of which one began where the other ended: elsewhere the
average of two networks reads nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def blended(old: dict, new: dict, share: float) -> dict:
    """`share` of the new checkpoint's weights, the rest of the old one's."""
    a, b = old["ema"], new["ema"]
    if a.keys() != b.keys() or any(a[k].shape != b[k].shape for k in a):
        raise SystemExit("the two checkpoints are of different networks")
    mixed = {k: torch.lerp(a[k], b[k], share) if b[k].dtype.is_floating_point else b[k] for k in b}
    return {"ema": mixed, "samples": new["samples"], "widths": new["widths"], "head": new["head"]}


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--share", type=float, default=.5, help="of the new weights, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    old, new = (torch.load(path, map_location="cpu", weights_only=True) for path in (args.old, args.new))
    torch.save(blended(old, new, args.share), args.out)


if __name__ == "__main__":
    main()
