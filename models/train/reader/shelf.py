"""Training crops kept and used again, each time a little different: drawing one costs far more than learning from it.

On a processor a batch is learned from once or twice; a GPU learns many times faster than crops can be drawn, so there
a great many wait in its memory and every step takes any of them, moved, lit and blurred anew.
"""

from __future__ import annotations

import random
import threading

import torch
import torch.nn.functional as F


def again(loader, seed: int, part: float = .5, shelf: int = 150):
    """Every batch, and after a part of them an earlier batch with other brightness."""
    rng = random.Random(seed)
    kept = []
    for fresh in loader:
        yield fresh
        if len(kept) < shelf:
            kept.append(fresh)
            continue
        if rng.random() >= part:
            continue
        place = rng.randrange(shelf)
        (pictures, *rest), kept[place] = kept[place], fresh
        gain = torch.empty(len(pictures), 1, 1, 1).uniform_(.75, 1.2)
        shift = torch.empty(len(pictures), 1, 1, 1).uniform_(-18, 18)
        yield (pictures.float() * gain + shift).clamp_(0, 255), *rest


def jittered(pictures: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """uint8 [N, 1, H, W] to floats of the same range: moved, turned, sheared, lit, blurred and grained a little, one in four not at all."""
    n, _, h, w = pictures.shape
    device = pictures.device

    def uniform(low, high):
        return torch.rand(n, device=device, generator=generator) * (high - low) + low

    def normal(scale):
        return torch.randn(n, device=device, generator=generator) * scale

    def chosen(part):
        return (torch.rand(n, device=device, generator=generator) < part).float()

    plain = 1 - chosen(.25)
    x = pictures.float()
    moved = plain * chosen(.8)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = 1 + moved * normal(.03)
    theta[:, 1, 1] = 1 + moved * normal(.04)
    theta[:, 0, 1] = moved * normal(.02)  # shear: rows slide sideways
    theta[:, 1, 0] = moved * normal(.035)  # the line climbs or falls
    theta[:, 0, 2] = moved * normal(.02)
    theta[:, 1, 2] = moved * normal(.04)
    x = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), "bilinear", "border", align_corners=False)
    # A soft or a sharp lens: a 3 x 3 binomial, taken in part or taken away.
    k = torch.tensor([1., 2., 1.], device=device) / 4
    soft = F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), (k[:, None] * k[None]).reshape(1, 1, 3, 3))
    share = (plain * chosen(.5) * uniform(-.5, 1.0)).reshape(n, 1, 1, 1)
    x = x + share * (soft - x)
    gain = 1 + (plain * (uniform(.7, 1.25) - 1)).reshape(n, 1, 1, 1)
    shift = (plain * uniform(-22, 22)).reshape(n, 1, 1, 1)
    grain = (plain * chosen(.4) * uniform(0, 9)).reshape(n, 1, 1, 1)
    noise = torch.randn(x.shape, device=device, generator=generator)
    x = ((x - 127.5) * gain + 127.5 + shift + grain * noise).clamp(0, 255)
    turned = (plain * chosen(.03)).reshape(n, 1, 1, 1)  # dark print on light and light on dark
    return x + turned * (255 - 2 * x)


class Shelf:
    """Crops in the memory of the device; `take` gives any of them, `keep` puts fresh ones in the place of the oldest.

    Filled by a thread of its own, which ends with the loader's process or at `close`.
    """

    def __init__(self, loader, device: str, room: int, first: int = 20_000):
        self.device, self.room, self.first = device, room, first
        self.loader = loader
        self.kept: list[torch.Tensor] = []
        self.count = 0  # crops ever put in
        self.lock, self.enough, self.over = threading.Lock(), threading.Event(), False
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._fill, daemon=True)
        self.thread.start()

    def _fill(self):
        try:
            for batch in self.loader:
                if self.over:
                    return
                self.keep([t.to(self.device, non_blocking=True) for t in batch])
        except BaseException as error:  # told to whoever takes
            self.failure = error
            self.enough.set()

    def keep(self, batch: list[torch.Tensor]) -> None:
        if not self.kept:
            self.kept = [torch.empty((self.room, *t.shape[1:]), dtype=t.dtype, device=self.device) for t in batch]
        n = len(batch[0])
        with self.lock:
            at = self.count % (self.room - n + 1)
            for place, part in zip(self.kept, batch):
                place[at:at + n] = part
            self.count += n
        if self.count >= self.first:
            self.enough.set()

    def take(self, n: int) -> list[torch.Tensor]:
        if not self.enough.wait(300):
            raise RuntimeError(f"reader: only {self.count} of {self.first} crops were drawn in 300 s")
        if self.failure:
            raise RuntimeError("reader: drawing crops failed") from self.failure
        with self.lock:
            chosen = torch.randint(min(self.count, self.room), (n,), device=self.device)
            return [place[chosen] for place in self.kept]

    def close(self) -> None:
        self.over = True


def endless(shelf: Shelf, batch: int):
    """Batches of a shelf without end, jittered."""
    try:
        while True:
            pictures, *rest = shelf.take(batch)
            yield jittered(pictures), *rest
    finally:
        shelf.close()
