"""What each layer of the training data is worth: the same network from nothing, each time without one of them.

    AMSLPR_DATA=DIR python -m reader.ablate --out DIR --crops 300000 --samples 2500000 --workers 6

All runs take from one shelf of crops, filled once and then left as it is, so that nothing else differs; made for a GPU
(seven runs of half a minute each), works on a processor too. Spliced plates are cut by the weights in `--cutter`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from train import photographs as data_folder

from .net import Reader
from .samples import DRAWN, NOTHING, SPLICED, TEXT, Batches
from .shelf import Shelf, jittered
from .training import Options, photographs, splicer_of, train

EVERYTHING = (DRAWN, TEXT, SPLICED, NOTHING)
# Name, the layers that are left, and whether a crop is moved, lit and blurred anew each time it is taken.
RUNS = (
    ("everything", EVERYTHING, True),
    ("everything, again", EVERYTHING, True),
    ("no photographs", (DRAWN, NOTHING), True),
    ("no spliced plates", (DRAWN, TEXT, NOTHING), True),
    ("photographs as they are only", (TEXT, NOTHING), True),
    ("no drawn plates", (TEXT, SPLICED, NOTHING), True),
    ("no not-plates", (DRAWN, TEXT, SPLICED), True),
    ("each crop the same each time", EVERYTHING, False),
)


def taken(shelf: list[torch.Tensor], layers: tuple[int, ...], batch: int, change: bool):
    """Batches without end of these layers."""
    pictures, kinds, lines = shelf
    allowed = torch.isin(kinds, torch.tensor(layers, device=kinds.device)).nonzero().flatten()
    while True:
        chosen = allowed[torch.randint(len(allowed), (batch,), device=allowed.device)]
        yield jittered(pictures[chosen]) if change else pictures[chosen].float(), kinds[chosen], lines[chosen]


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=300_000, help="on the shelf, of all layers together")
    parser.add_argument("--samples", type=int, default=2_500_000, help="learned from by each run")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cutter", type=Path, default=Path(__file__).parents[1] / "checkpoints" / "reader.pt")
    args = parser.parse_args(argv)
    data = data_folder()
    if data is None:
        parser.error("AMSLPR_DATA is not set: without photographs there is one layer and nothing to leave out")
    args.out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sets = photographs(data / "plates-real", args.out)
    state = torch.load(args.cutter, map_location="cpu", weights_only=True)
    cutter = Reader(state["widths"], state["head"])
    cutter.load_state_dict(state["ema"])
    stream = Batches(args.seed, 256, sets[0], .25, .06, 10**9, (0, 1), splicer_of(cutter, sets[0]), .25)
    shelf = Shelf(DataLoader(stream, batch_size=None, num_workers=args.workers, prefetch_factor=6 if args.workers else None), device, args.crops + 256)
    began = time.monotonic()
    while shelf.count < args.crops:
        if shelf.failure:
            raise SystemExit(f"reader: drawing crops failed: {shelf.failure}")
        time.sleep(.5)
    shelf.close()
    shelf.thread.join(60)
    kept = [part[:args.crops] for part in shelf.kept]
    print(f"reader: {args.crops} crops in {time.monotonic() - began:.0f} s, of each layer: {torch.bincount(kept[1], minlength=4).tolist()}", flush=True)
    for number, (name, layers, change) in enumerate(RUNS):
        out = args.out / str(number)
        shutil.rmtree(out, ignore_errors=True)
        metrics = train(Options(out=out, data=data, samples=args.samples, batch=args.batch, seed=args.seed + (name.endswith("again")), every=1e9,
                                source=taken(kept, layers, args.batch, change), sets=sets, resume=False))
        if metrics["interrupted"]:
            raise SystemExit("reader: stopped")
        with (args.out / "ablations.jsonl").open("a") as file:
            file.write(json.dumps({"without": name, **metrics}) + "\n")


if __name__ == "__main__":
    main()
