"""Training of the reader: resumable, seeded, by the clock or by the number of samples."""

from __future__ import annotations

import copy
import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from . import corners
from . import real as real_data
from .crops import DETECTED_MARGIN, MARGIN
from .decode import distance, fold, greedy
from .net import Reader, flop
from .samples import TEXT, Batches, normalise
from .shelf import Shelf, again, endless
from .splice import Splicer, cuttable, well_cut


@dataclass
class Options:
    """What a run is made of; everything has a default that fits two processor cores."""

    out: Path
    data: Path | None = None
    minutes: float = 110.0
    samples: int = 0  # stop after so many samples instead (0: by the clock)
    batch: int = 128
    rate: float = 2e-3
    seed: int = 1
    workers: int = 1
    threads: int = 1
    real_part: float = .26
    splice_part: float = .22
    splice_from: int = 250_000  # samples; before that the network cannot cut plates into characters
    empty_part: float = .04
    every: float = 180.0  # seconds between checkpoints and measurements
    resume: bool = True
    start_from: Path | None = None
    widths: tuple[int, int, int] = (24, 48, 80)
    head: int = 88
    easy: tuple[int, int] = (30_000, 120_000)
    still_stem: bool = False  # the first layer keeps its weights: a sixth of the time
    again: float = .5  # of the batches come a second time (on a processor)
    room: int = 2_000_000  # crops kept on a GPU, 7.7 kB each
    source: Iterable | None = None  # batches without end that take the place of a stream of its own
    sets: tuple[real_data.RealSet, real_data.RealSet] | None = None  # to learn from and to measure on, where they are in memory already


# Above this loss (nats) a sample counts a quarter: it is mostly a picture that nobody could read.
KNEE = 7.0


def ctc(logits, kinds, lines, knee: float | None = None):
    """Mean CTC loss: per line where lines are known, over both heads where only the text is. Arguments as `Batches` gives them."""
    logp = F.log_softmax(logits.float(), 2)
    steps = logp.shape[1] // 2
    losses = []
    known, joined = (kinds != TEXT).nonzero().flatten(), (kinds == TEXT).nonzero().flatten()
    if len(known):
        part = logp[known].reshape(len(known) * 2, steps, -1)
        losses.append(_ctc(part, lines[known].reshape(len(known) * 2, -1)).reshape(-1, 2).sum(1))
    if len(joined):
        losses.append(_ctc(logp[joined], lines[joined, 0]))
    every = torch.cat(losses)
    return (every if knee is None else every.clamp(max=knee) + .25 * (every - knee).clamp(min=0)).mean()


def _ctc(logp, lines):
    steps = torch.full((len(lines),), logp.shape[1], device=lines.device)
    return F.ctc_loss(logp.transpose(0, 1), lines, steps, (lines > 0).sum(1), reduction="none", zero_infinity=True)


def splicer_of(model, training) -> Splicer:
    """Cuts the training plates into characters by the network's own alignment."""
    cut = well_cut(model, cuttable(model, training.plates))
    share = {id(p): w for p, w in zip(training.plates, real_data.weights(training.plates))}
    print(f"reader: {len(cut)} of {len(training.plates)} plates are cut into characters", flush=True)
    return Splicer(cut, [share[id(c.plate)] for c in cut])


@torch.no_grad()
def read_all(model, plates, margin=MARGIN, rectify=False):
    """Texts and confidences of truth crops."""
    model.eval()
    device = next(model.parameters()).device
    out = []
    for i in range(0, len(plates), 64):
        crops = np.stack([real_data.truth_crop(p, margin, rectify) for p in plates[i:i + 64]])[:, None]
        out += [greedy(l) for l in model(normalise(torch.from_numpy(crops)).to(device)).cpu().numpy()]
    return out


def scores(reads, plates):
    """Exact and folded share, character error rate; also once per different text."""
    exact = [r[0] == p.text for r, p in zip(reads, plates)]
    folded = [fold(r[0]) == fold(p.text) for r, p in zip(reads, plates)]
    per_text: dict[str, list[bool]] = {}
    for ok, p in zip(exact, plates):
        per_text.setdefault(p.text, []).append(ok)
    wrong = sum(distance(r[0], p.text) for r, p in zip(reads, plates))
    return {"exact": float(np.mean(exact)), "folded": float(np.mean(folded)), "cer": wrong / sum(len(p.text) for p in plates),
            "per_text": float(np.mean([np.mean(v) for v in per_text.values()]))}


def photographs(folder: Path, out: Path):
    """The plates to learn from and those to measure on; `out` keeps their corners."""
    both = []
    for name in ("train", "val"):
        found = corners.find(folder, f"{name}.jsonl", out / f"corners-{name}.json")
        both.append(real_data.load(folder, f"{name}.jsonl", backgrounds=name == "train", corners=found))
        print(f"reader: {name}: {len(both[-1].plates)} readable plates, skipped: {dict(both[-1].skipped) or 'none'}", flush=True)
    return tuple(both)


def train(options: Options) -> dict:
    """Trains and returns the last metrics; leaves OUT/reader.pt (checkpoint) and OUT/reader.jsonl (metrics)."""
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(0)  # OpenCV's threads do not survive the fork of a loader worker
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Reader(options.widths, options.head).to(device).to(memory_format=torch.channels_last)
    ema = Reader(options.widths, options.head).to(device)
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=.01, betas=(.9, .98))
    path, log = options.out / "reader.pt", options.out / "reader.jsonl"
    done, elapsed = 0, 0.0
    if options.resume and path.is_file():
        state = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
        done, elapsed = state["samples"], state["elapsed"]
        print(f"reader: goes on from {path}: {done} samples, {elapsed / 60:.1f} min", flush=True)
    elif options.start_from:
        state = torch.load(options.start_from, map_location=device, weights_only=True)
        model.load_state_dict(state["ema"])
        ema.load_state_dict(state["ema"])
        options.easy = (0, 1)  # what has been learnt needs no gentle beginning
        print(f"reader: starts from the weights in {options.start_from}", flush=True)
    averaged, current = ([t for t in m.state_dict().values() if t.dtype.is_floating_point] for m in (ema, model))
    training = checking = None
    if options.data:
        training, checking = options.sets or photographs(options.data / "plates-real", options.out)
    else:
        print("reader: AMSLPR_DATA is not set: synthetic plates alone, nothing real to measure on", flush=True)
    budget = options.minutes * 60
    began = last = time.monotonic()
    base, running, first, metrics, seen, steps = elapsed, None, None, {}, 0, 0
    stop = {"now": False}
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.__setitem__("now", True))

    def save():
        state = {"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict(), "samples": done, "elapsed": elapsed,
                 "widths": list(options.widths), "head": options.head}
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def experienced() -> bool:
        return options.start_from is not None or done >= options.splice_from

    def batches():
        """Batches without end; from splice_from on with spliced plates among them."""
        if options.source is not None:
            yield from options.source
        ready = training is not None and experienced()
        while True:
            splicer = splicer_of(copy.deepcopy(ema).to("cpu"), training) if ready else None
            drawn = options.batch if device == "cpu" else 256
            stream = Batches(options.seed, drawn, training, options.real_part, options.empty_part, done, options.easy, splicer, options.splice_part)
            loader = DataLoader(stream, batch_size=None, num_workers=options.workers, prefetch_factor=6 if options.workers else None)
            if device == "cuda":
                source = endless(Shelf(loader, device, options.room), options.batch)
            else:
                source = again(loader, options.seed + done, options.again)
            for batch in source:
                yield batch
                if training is not None and not ready and experienced():
                    ready = True
                    break

    for batch in batches():
        pictures, kinds, lines = (t.to(device) for t in batch)
        elapsed = base + time.monotonic() - began
        part = min(1.0, done / options.samples if options.samples else elapsed / budget)
        rate = options.rate * min(1.0, (done + options.batch) / (300 * options.batch)) * (1.0 if part < .35 else max(.01, (1 - part) / .65))
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.train()
        if options.still_stem:
            model.trunk[0].eval().requires_grad_(False)
        x = normalise(pictures).to(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            logits = model(x)
        loss = ctc(logits, kinds, lines, KNEE if experienced() else None)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        keep = min(.999, 1 - 1 / (2 + done / options.batch / 10))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, current, 1 - keep)
        done += options.batch
        seen += options.batch
        steps += 1
        if device == "cpu" or steps % 20 == 1:  # asking a GPU for a number makes it wait
            value = loss.item()
            running = value if running is None else running * .98 + value * .02
        if seen == options.batch * 20 or first is None:
            first = running
        finished = stop["now"] or (done >= options.samples if options.samples else elapsed >= budget)
        if finished or time.monotonic() - last > options.every:
            metrics = {"samples": done, "minutes": round(elapsed / 60, 2), "loss": round(running, 4), "first_loss": round(first, 4), "rate": rate,
                       "per_second": round(seen / max(time.monotonic() - began, 1e-3), 1)}
            if checking:
                metrics.update({k: round(v, 4) for k, v in scores(read_all(ema, checking.plates), checking.plates).items()})
                straight = scores(read_all(ema, checking.plates, DETECTED_MARGIN, True), checking.plates)
                metrics.update({f"straight_{k}": round(straight[k], 4) for k in ("exact", "folded", "cer")})
            with log.open("a") as file:
                file.write(json.dumps(metrics) + "\n")
            print("reader:", json.dumps(metrics), flush=True)
            save()
            last = time.monotonic()
        if finished:
            break
    metrics["flop"] = flop(Reader(options.widths, options.head))
    metrics["interrupted"] = stop["now"]
    return metrics
