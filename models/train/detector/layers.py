"""The layers a training run may mix, by name."""

from .cache import Cache
from .samples import Mixture, Photographs

NAMES = ("photographs",)


def mixture(text, root, folder):
    """`name:share,...` to something that draws scenes. Layers that need photographs fall away without them."""
    layers = []
    cache = Cache(root / "plates-real" / "train.jsonl", root / "plates-real", folder) if root else None
    for part in text.split(","):
        name, _, share = part.partition(":")
        if name not in NAMES:
            raise SystemExit(f"--layers: no layer {name!r}; there are {', '.join(NAMES)}")
        if name == "photographs":
            if cache is None:
                print("layer photographs left out: AMSLPR_DATA is not set")
                continue
            layers.append((Photographs(cache), float(share)))
    if not layers:
        raise SystemExit("no layer to train on: set AMSLPR_DATA or name a synthetic layer")
    return Mixture(layers)
