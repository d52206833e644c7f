"""Crops that we drew and what PyTorch reads on them: the product's engine must read the same.

`python -m reader.parity` (after an export) writes parity.png, the crops one below the other, and parity.json with
their texts into tests/models; `cargo test --test models` compares, and says so when they are of another network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from pathlib import Path

import cv2
import numpy as np
import torch

from .crops import Backgrounds, Photographer
from .decode import greedy
from .export import load
from .measure import onnx_runner

HOUSE = Path(__file__).parents[3]


def crops(count: int, seed: int) -> np.ndarray:
    """Synthetic crops of every difficulty, [N, H, W]."""
    photographer = Photographer(random.Random(seed), Backgrounds(), reuse=1)
    return np.stack([photographer.shoot(i / count)[0] for i in range(count)])


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=HOUSE / "models/train/checkpoints/reader.pt")
    parser.add_argument("--model", type=Path, default=HOUSE / "models/reader.onnx")
    parser.add_argument("--out", type=Path, default=HOUSE / "tests/models")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args(argv)
    pictures = crops(args.count, args.seed)
    with torch.no_grad():
        logits = load(args.checkpoint)(torch.from_numpy(pictures[:, None]).float() / 127.5 - 1).numpy()
    texts = [greedy(l)[0] for l in logits]
    by_onnx = [greedy(l)[0] for l in onnx_runner(args.model)(pictures[:, None])]
    if texts != by_onnx:
        raise SystemExit(f"{args.model} reads otherwise than {args.checkpoint}: export it again")
    cv2.imwrite(str(args.out / "parity.png"), pictures.reshape(-1, pictures.shape[2]), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    # The largest logit of every step, in hundredths: enough to see a network that has drifted.
    tops = [[round(float(v) * 100) for v in l.max(1)] for l in logits]
    (args.out / "parity.json").write_text(json.dumps({"network": hashlib.sha256(args.model.read_bytes()).hexdigest(), "texts": texts, "tops": tops}) + "\n")
    print(f"{len(texts)} crops, {sum(map(bool, texts))} with a text")


if __name__ == "__main__":
    main()
