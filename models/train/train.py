"""One command from data to networks: trains, exports and describes the plate detector and the plate reader.

    python train.py --out DIR                        both networks, hours; AMSLPR_DATA names real photographs
    python train.py --only reader --minutes 90 --out DIR
    python train.py --small --out DIR                toys of both from synthetic plates alone, about a minute

A run that was stopped goes on where it was when it is started again with the same DIR.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def photographs() -> Path | None:
    """The data folder, checked, or None when it is not wanted."""
    name = os.environ.get("AMSLPR_DATA")
    if not name:
        return None
    folder = Path(name)
    if not (folder / "plates-real" / "train.jsonl").is_file():
        raise SystemExit(f"AMSLPR_DATA={name}: no plates-real/train.jsonl in it; name a folder laid out as models/train/README.md says, or unset it to use synthetic plates alone")
    return folder


def reader(out: Path, minutes: float, seed: int, small: bool, start: Path | None, still_stem: bool, workers: int, batch: int | None) -> None:
    from reader import export, real
    from reader.training import Options, train
    options = Options(out=out, data=None if small else photographs(), minutes=minutes, seed=seed, start_from=start, still_stem=still_stem, workers=workers)
    if batch:
        options.batch = batch
    if small:
        options.samples, options.batch, options.widths, options.head = 6_000, 48, (8, 16, 24), 32
        options.easy, options.every, options.rate = (6_000, 6_001), 1e9, 4e-3
    try:
        metrics = train(options)
    except real.DataError as error:
        raise SystemExit(str(error)) from error
    if metrics.get("interrupted"):
        raise SystemExit(f"reader: stopped; start again with --out {out.parent} to go on from {metrics['samples']} samples")
    if small:
        os.environ.pop("AMSLPR_DATA", None)
        if not metrics["loss"] < metrics["first_loss"]:
            raise SystemExit(f"reader: the loss did not fall: {metrics['first_loss']} to {metrics['loss']}")
    export.main(["--checkpoint", str(out / "reader.pt"), "--out", str(out.parent)])


def detector(out: Path, minutes: float, seed: int, small: bool, start: Path | None, still_stem: bool, workers: int, _batch: int | None) -> None:
    from detector import export, train
    if small:
        os.environ.pop("AMSLPR_DATA", None)
        train.small(out, seed)
        export.main(["--checkpoint", str(out / "checkpoint.pt"), "--out", str(out.parent), "--without-photographs"])
        return
    data = photographs()
    train.main(["--work", str(out), "--minutes", str(minutes), "--seed", str(seed), "--workers", str(workers)] + (["--start", str(start)] if start else []) + (["--still-stem"] if still_stem else []))
    export.main(["--checkpoint", str(out / "checkpoint.pt"), "--out", str(out.parent)] + ([] if data else ["--without-photographs"]))


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="networks, descriptions, checkpoints and metrics go here")
    parser.add_argument("--only", choices=["reader", "detector"], help="default: both, one after the other")
    parser.add_argument("--minutes", type=float, default=120.0, help="of training, per network, all runs together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="weights to begin from (with --only), when DIR has no checkpoint yet")
    parser.add_argument("--still-stem", action="store_true", help="the first layer keeps its weights, which saves a sixth of the time (with --start)")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw and cut training pictures: all cores but one where a GPU learns")
    parser.add_argument("--batch", type=int, help="crops per step of the reader (default 128; 2048 on a GPU)")
    parser.add_argument("--small", action="store_true", help="toys, synthetic plates alone, to see that all of it works")
    args = parser.parse_args(argv)
    if args.start and not args.only:
        parser.error("--start needs --only reader or --only detector")
    args.out.mkdir(parents=True, exist_ok=True)
    for name, part in (("reader", reader), ("detector", detector)):
        if args.only in (None, name):
            part(args.out / name, args.minutes, args.seed, args.small, args.start, args.still_stem, args.workers, args.batch)


if __name__ == "__main__":
    main()
