"""A few rendered photographs with known plates, for the tests of the whole program.

`python -m scenes.fixtures --out ../../tests/fixtures` writes JPEGs and truth.jsonl in the
form of the training annotations.
"""

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from plates import draw_plate

from . import street
from .car import Car
from .view import Camera, Light, show

WIDTH, HEIGHT = 1280, 720


@dataclass
class Vehicle:
    country: str
    text: str  # as laid out on the plate
    own: int  # the plate's seed
    paint: tuple
    shape: str
    near: float  # metres from the camera to its end
    aside: float  # metres to the left
    towards: bool = True


@dataclass
class Still:
    name: str
    seed: int
    light: Light
    vehicles: list
    noise: float = 2.0
    blur: float = 0.6
    glare: bool = False


DAY = Light(0.55, 0.72, (196, 212, 232))
DULL = Light(0.05, 0.85, (200, 204, 208))
NIGHT = Light(0.05, 0.42, (22, 26, 40), (1.05, 1.0, 0.88))

STILLS = (
    Still("street-day", 11, DAY, [Vehicle("FR", "GK-482-TZ", 5, (52, 60, 72), "hatch", 7.0, 0.3)]),
    Still("two-cars", 12, DULL, [
        Vehicle("DE", "KA*RS 3164", 2, (28, 29, 32), "estate", 8.5, -1.4),
        Vehicle("BR", "FXH6C38", 3, (235, 236, 238), "saloon", 6.0, 1.5),
    ]),
    Still("rear-two-lines", 13, DULL, [Vehicle("VN", "59K/863.24", 3, (150, 22, 28), "van", 5.5, 0.2, False)], blur=0.8),
    Still("night", 14, NIGHT, [Vehicle("PL", "WX 4827K", 2, (120, 124, 130), "saloon", 6.5, 0.4)], noise=6.0, blur=0.9, glare=True),
    Still("no-plate", 15, DAY, []),
)


def rendered(still):
    """The picture and its (plate, quad)."""
    rng = np.random.default_rng(still.seed)
    camera = Camera(np.array([0.0, 0.0, 1.3]), yaw=0.01, pitch=-0.075, focal=1750.0, width=WIDTH, height=HEIGHT)
    canvas = street.backdrop(rng, camera, still.light)
    things = [street.house(rng, x, y, -1 if y > 0 else 1) for x, y in ((14, 6.5), (27, 7.5), (18, -6.5), (36, -7))]
    things.append(street.box(9, 30, 4.6, 5.1, 0, 1.1, (74, 98, 52)))
    # Writing that a reader must leave alone.
    things.append(street.board(rng, 15.0, 4.4, 2.0, 2.2, street.writing(rng, ["FLOWERS", "DAILY 9-18"])))
    things.append(street.board(rng, 12.0, -3.7, 1.6, 0.45, street.writing(rng, ["24"])))
    for i, v in enumerate(still.vehicles):
        plate = draw_plate(random.Random(v.own), v.country, v.text)
        car = Car(np.random.default_rng([still.seed, i]), plate, paint=v.paint, shape=v.shape)
        heading = (np.pi if v.towards else 0.0) + rng.normal(0, 0.06)
        things.append(car.at(v.near + car.length / 2, v.aside, heading))
    found = show(camera, canvas, things, still.light)
    picture = canvas.astype(np.float32)
    if still.glare:  # the plate throws the lamp's light back
        for _, quad, _, _ in found:
            mask = np.zeros((HEIGHT, WIDTH), np.float32)
            cv2.fillConvexPoly(mask, np.round(quad).astype(np.int32), 1.0)
            picture *= 1 + 0.9 * cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]
            picture += 26 * cv2.GaussianBlur(mask, (0, 0), 30)[..., None]
    picture = cv2.GaussianBlur(picture, (0, 0), still.blur)
    picture += rng.normal(0, still.noise, picture.shape[:2])[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8), [(p, q) for p, q, _, seen in found if seen > 0.8]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=60_000, help="bytes a picture may have")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for still in STILLS:
        picture, plates = rendered(still)
        for quality in range(88, 20, -4):
            ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            if ok and len(data) <= args.most:
                break
        (args.out / f"{still.name}.jpg").write_bytes(data.tobytes())
        notes = []
        for plate, quad in plates:
            lo, hi = quad.min(0), quad.max(0)
            notes.append({
                "box": [round(float(v), 1) for v in (*lo, *(hi - lo))],
                "text": plate.text,
                "quad": [[round(float(x), 1), round(float(y), 1)] for x, y in quad],
            })
        lines.append({
            "image": f"{still.name}.jpg", "source": "rendered", "width": WIDTH, "height": HEIGHT, "plates": notes,
            "license": "MIT OR Apache-2.0", "original": "models/train/scenes/fixtures.py", "group": still.name,
        })
        print(f"{still.name}.jpg: {len(data)} bytes, {', '.join(n['text'] for n in notes) or 'no plate'}")
    (args.out / "truth.jsonl").write_text("".join(json.dumps(n) + "\n" for n in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
