"""From logits to text, and how well texts agree with the truth."""

from __future__ import annotations

import numpy as np

from .net import ALPHABET

_FOLD = str.maketrans("OI", "01")


def greedy(logits: np.ndarray) -> tuple[str, float]:
    """Best path: text and the product of its characters' best probabilities. logits: [steps, classes]."""
    shifted = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted)
    p /= p.sum(1, keepdims=True)
    best = p.argmax(1)
    top = p.max(1)
    text, confidence, previous, current = [], 1.0, 0, 0.0
    for c, v in zip(best, top):
        if c != previous:
            if previous:
                confidence *= current
            current = 0.0
            if c:
                text.append(ALPHABET[c - 1])
        current = max(current, float(v))
        previous = c
    if previous:
        confidence *= current
    return "".join(text), confidence


def fold(text: str) -> str:
    """O as 0 and I as 1: what many plates print alike."""
    return text.translate(_FOLD)


def distance(a: str, b: str) -> int:
    """Edit distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]
