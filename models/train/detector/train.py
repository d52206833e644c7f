"""Trains the detector for a given time, from scratch or from a checkpoint.

`python -m detector.train --minutes 120 --work DIR`. A run that was stopped goes on where it
was when it is started again with the same DIR. The learning rate falls over the last third
of the time. Metrics go to DIR/metrics.jsonl, one JSON object a line.
"""

import argparse
import copy
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from . import cache, evaluate, layers
from .loss import losses
from .network import STRIDES, Detector, flops
from .samples import Batches, reused


class Average:
    """Running average of the weights: what is measured and exported."""

    def __init__(self, model, keep=0.998):
        self.model = copy.deepcopy(model).eval()
        self.keep, self.steps = keep, 0

    @torch.no_grad()
    def take(self, model):
        self.steps += 1
        keep = min(self.keep, (1 + self.steps) / (10 + self.steps))
        for mine, new in zip(self.model.state_dict().values(), model.state_dict().values()):
            if mine.dtype.is_floating_point:
                mine.lerp_(new.detach(), 1 - keep)
            else:
                mine.copy_(new)


def rate(share, step, peak, falling):
    """Learning rate after `share` of the time: short rise, plateau, straight fall."""
    rise = min(1.0, (step + 1) / 300)
    fall = min(1.0, (1 - share) / falling)
    return peak * rise * max(0.02, fall)


def saved(path, model, average, optimiser, step, spent):
    state = {
        "model": model.state_dict(),
        "average": average.model.state_dict(),
        "average_steps": average.steps,
        "optimiser": optimiser.state_dict(),
        "step": step,
        "spent": spent,
        "widths": model.widths,
        "neck": model.neck,
    }
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def optimiser_for(model, peak):
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.99))


def measured(average, rows_of, size, threshold=0.35):
    run = evaluate.network_run(copy.deepcopy(average.model).to("cpu", memory_format=torch.channels_last))
    rows = evaluate.collected(lambda p: evaluate.found_in(run, p, *size, STRIDES), rows_of())
    return [evaluate.summary(rows, t) for t in (0.2, threshold, 0.5)]


def one_step(model, optimiser, batch, lr, device):
    """One batch learned from; its losses and mean wanted score, or None if they are no numbers."""
    x = batch["pixels"].float().div_(255).contiguous(memory_format=torch.channels_last)
    for group in optimiser.param_groups:
        group["lr"] = lr
    with torch.autocast(device, dtype=torch.bfloat16):
        outputs = model(x)
    score, box, corner, want = losses(outputs, batch)
    loss = score + box + 0.5 * corner
    if not torch.isfinite(loss):
        return None
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimiser.step()
    return [float(v.detach()) for v in (score, box, corner, want.sum(1).mean())]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints, cache, metrics")
    parser.add_argument("--minutes", type=float, default=120.0, help="of training, all runs of this folder together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--falling", type=float, default=0.35, help="share of the time over which the learning rate falls")
    parser.add_argument("--tiles", default="416x256x16:0.85,640x384x8:0.15", help="WxHxBATCH:share,...")
    parser.add_argument("--fit", default="640x384", help="the input that the tiles are parts of, WxH")
    parser.add_argument("--measure-every", type=float, default=15, help="minutes")
    parser.add_argument("--layers", default="photographs:0.5,swapped:0.35,streets:0.15", help="name:share,... of " + ", ".join(layers.NAMES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--uses", type=int, default=1, help="how often a batch of tiles is learned from, mirrored in between")
    parser.add_argument("--steps", type=int, help="stop after so many steps, whatever the time")
    parser.add_argument("--widths", default="16,24,48,80,112", help="channels of the stages")
    parser.add_argument("--neck", default="40,64,64", help="channels of the heads")
    parser.add_argument("--still-stem", action="store_true", help="leave the first two convolutions as they are: a quarter less work, for late in the training")
    parser.add_argument("--start", type=Path, help="weights to begin from, if the folder has no checkpoint")
    args = parser.parse_args(argv)

    # A run told to end keeps what it has learned.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    args.work.mkdir(parents=True, exist_ok=True)
    root = cache.photo_root()
    # `pack.py` leaves the detector's val set at home.
    file = root / "plates-real" / "val.jsonl" if root and (root / "plates-real" / "val.jsonl").is_file() else None
    draw = layers.mixture(args.layers, root, args.work / "cache")
    tiles = []
    for part in args.tiles.split(","):
        size, share = part.split(":")
        tiles.append((*map(int, size.split("x")), float(share)))

    model = Detector(*(tuple(map(int, text.split(","))) for text in (args.widths, args.neck))).to(device, memory_format=torch.channels_last)
    average = Average(model)
    optimiser = optimiser_for(model, args.peak)
    step, spent = 0, 0.0
    path = args.work / "checkpoint.pt"
    if path.is_file():
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["average"])
        average.steps = state["average_steps"]
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    elif args.start:
        state = torch.load(args.start, map_location=device, weights_only=True)
        model.load_state_dict(state["average"])
        average = Average(model)
    model.train()
    if args.still_stem:
        model.stem.requires_grad_(False).eval()

    # A resumed run must not see the same pictures again, hence the step in the seed.
    batches = Batches(draw, args.seed + step, tiles, tuple(map(int, args.fit.split("x"))))
    ahead = 6 if args.workers else None
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=args.workers, prefetch_factor=ahead)
    loader = reused(loader, args.uses, args.seed + step, 24 if device == "cpu" else 240)
    log = open(args.work / "metrics.jsonl", "a", encoding="utf-8")

    def write(**line):
        print(json.dumps(line), flush=True)
        log.write(json.dumps(line) + "\n")
        log.flush()

    write(event="start", step=step, device=device, flops=flops(copy.deepcopy(average.model).cpu(), 384, 640), args={k: str(v) for k, v in vars(args).items()})
    # Time spent by earlier runs of this folder counts.
    begun = time.monotonic() - spent
    started = last_save = last_measure = time.monotonic()
    window, kept, seen, waited = [], [], 0, 0.0
    while True:
        now = time.monotonic()
        share = (now - begun) / (60 * args.minutes)
        over = share >= 1 or (args.steps is not None and step >= args.steps)
        if now - last_save > 180 or over:
            saved(path, model, average, optimiser, step, now - begun)
            last_save = now
        if over:
            break
        try:
            batch = {k: v.to(device) for k, v in next(loader).items()}
            waited += time.monotonic() - now
            lr = rate(share, step, args.peak, args.falling)
            parts = one_step(model, optimiser, batch, lr, device)
        except KeyboardInterrupt:
            saved(path, model, average, optimiser, step, time.monotonic() - begun)
            raise SystemExit(f"stopped at step {step}; start again with --work {args.work} to go on")
        if parts is None:
            write(event="skipped", step=step, why="loss is not finite")
            continue
        average.take(model)
        step += 1
        seen += len(batch["pixels"])
        window.append(parts)
        kept.append(parts[0] + parts[1])
        if step % 100 == 0:
            m = np.mean(window, 0)
            write(
                event="step", step=step, minutes=round((time.monotonic() - begun) / 60, 2), score=round(m[0], 4),
                box=round(m[1], 4), corner=round(m[2], 4), want=round(m[3], 3), rate=round(lr, 6),
                tiles_per_s=round(seen / (time.monotonic() - started), 1), waited=round(waited, 1),
            )
            window = []
        if file and time.monotonic() - last_measure > 60 * args.measure_every:
            for line in measured(average, lambda: evaluate.pictures_of(file), batches.fit):
                write(event="val", step=step, **line)
            last_measure = time.monotonic()
    if file:
        for line in measured(average, lambda: evaluate.pictures_of(file), batches.fit):
            write(event="val", step=step, **line)
    write(event="end", step=step, minutes=round((time.monotonic() - begun) / 60, 2))
    log.close()
    return kept


def small(work, seed=1):
    """A toy on rendered streets alone, in seconds: shows that everything works, finds little."""
    kept = main([
        "--work", str(work), "--seed", str(seed), "--steps", "60", "--layers", "streets:1", "--tiles", "256x160x4:1",
        "--workers", "0", "--widths", "8,12,16,24,32", "--neck", "16,24,24", "--peak", "0.004",
    ])
    if len(kept) >= 40 and not np.mean(kept[-15:]) < np.mean(kept[:15]):
        raise SystemExit(f"detector: the loss did not fall: {np.mean(kept[:15]):.3f} to {np.mean(kept[-15:]):.3f}")


if __name__ == "__main__":
    main()
