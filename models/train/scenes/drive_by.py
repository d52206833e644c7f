"""The project's demo: three cars come up to a gate camera and pass it, one after another.

`python -m scenes.drive_by --out ../../config/demo` writes drive-by.mp4 (ffmpeg needed) and
drive-by.truth.jsonl: one line per frame with every plate in view, then one line per car.
The pictures depend on the seed alone; the encoded bytes also on ffmpeg's version.
"""

import argparse
import json
import random
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
from plates import draw_plate

from . import street
from .car import Car
from .view import Camera, Light, show

WIDTH, HEIGHT, RATE = 1280, 720, 20
SPACING = 4.7  # seconds from one car to the next
# Country, text as it is laid out on the plate, the plate's own seed, paint, shape.
CARS = (
    ("DE", "HH*KL 2847", 2, (148, 24, 30), "hatch"),
    ("GB", "LM19 XKD", 3, (32, 60, 118), "saloon"),
    ("BR", "RTA4D27", 3, (196, 200, 204), "estate"),
)
LANE = 1.55  # metres to the left of the camera


def along(seconds):
    """Metres from the camera to a car's front bumper: it brakes for the gate, then rolls through."""
    t = np.clip(seconds, 0, None)
    brake = np.minimum(t, 2.6)
    # 8 m/s falling to 2.6 m/s, then slowly faster again.
    gone = 8.0 * brake - 0.5 * (5.4 / 2.6) * brake**2
    rest = np.maximum(t - 2.6, 0)
    return 20.0 - gone - 2.6 * rest - 0.9 * rest**2


def gate():
    """Two posts, the raised bar, a kiosk wall with a sign."""
    things = []
    for y in (3.1, -0.75):
        things.append(street.box(8.6, 8.8, y - 0.1, y + 0.1, 0, 1.15, (214, 214, 210)))
        things.append(street.box(8.58, 8.82, y - 0.12, y + 0.12, 0.75, 0.95, (190, 40, 36)))
    for k in range(9):
        colour = (206, 40, 36) if k % 2 else (232, 232, 228)
        things.append(street.box(8.66, 8.74, 3.06, 3.14, 1.15 + 0.36 * k, 1.51 + 0.36 * k, colour))
    return things


class DriveBy:
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.camera = Camera(np.array([0.0, 0.0, 1.25]), yaw=0.165, pitch=-0.055, focal=2150.0, width=WIDTH, height=HEIGHT)
        self.light = Light(0.55, 0.72, (196, 212, 232))
        things = [street.house(rng, x, y, -1 if y > 0 else 1) for x, y in ((16, 7.5), (30, 8.5), (24, -6.5), (44, 7.0), (46, -8))]
        things.append(street.box(10, 42, 5.3, 5.9, 0, 1.2, (74, 98, 52)))
        things.append(street.board(rng, 14.0, 5.0, 1.9, 1.5, street.writing(rng, ["PARKING", "OPEN 7 TO 22"])))
        self.back = street.backdrop(rng, self.camera, self.light)
        show(self.camera, self.back, things, self.light)
        self.gate = gate()
        self.plates = [draw_plate(random.Random(own), country, text) for country, text, own, _, _ in CARS]
        self.cars = [
            Car(np.random.default_rng([seed, i]), plate, paint=paint, shape=shape)
            for i, (plate, (_, _, _, paint, shape)) in enumerate(zip(self.plates, CARS))
        ]
        yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH]
        far = ((xx - WIDTH / 2) / WIDTH) ** 2 + ((yy - HEIGHT / 2) / HEIGHT) ** 2
        self.vignette = (1 - 0.28 * far)[..., None].astype(np.float32)
        self.noise = np.random.default_rng([seed, 99])

    def at(self, seconds):
        """The scene at a moment: picture without noise, and (plate, quad, share seen)."""
        things = list(self.gate)
        for i, car in enumerate(self.cars):
            t = seconds - 0.4 - SPACING * i
            front = along(t)
            if t < 0 or front < -car.length:
                continue
            sway = 0.03 * np.sin(1.3 * t + i)
            things.append(car.at(front + car.length / 2, LANE + sway, np.pi + 0.02 * np.sin(0.9 * t + 2 * i)))
        canvas = self.back.copy()
        return canvas, show(self.camera, canvas, things, self.light)

    def frame(self, number):
        seconds = number / RATE
        picture, plates = self.at(seconds)
        # The shutter stays open for 4 ms.
        later, _ = self.at(seconds + 0.004)
        mixed = (picture.astype(np.float32) + later) * 0.5 * self.vignette
        mixed = cv2.GaussianBlur(mixed, (0, 0), 0.7)
        mixed += self.noise.normal(0, 2.0, mixed.shape[:2])[..., None]
        return np.clip(mixed, 0, 255).astype(np.uint8), plates


def line_of(number, plates):
    seen = []
    for plate, quad, _, share in plates:
        lo, hi = quad.min(0), quad.max(0)
        inside = (lo >= 0).all() and hi[0] <= WIDTH and hi[1] <= HEIGHT
        if not inside or share < 0.8:
            continue
        seen.append({
            "box": [round(float(v), 1) for v in (*lo, *(hi - lo))],
            "quad": [[round(float(x), 1), round(float(y), 1)] for x, y in quad],
            "text": plate.text,
        })
    return {"frame": number, "seconds": round(number / RATE, 3), "plates": seen}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--quality", type=int, default=24, help="x264's rate factor: lower is better and larger")
    args = parser.parse_args(argv)
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        raise SystemExit("ffmpeg not found: install it to render the demo clip")
    args.out.mkdir(parents=True, exist_ok=True)
    clip = args.out / "drive-by.mp4"
    command = [
        ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE),
        "-i", "-", "-an", "-c:v", "libx264", "-preset", "slow", "-crf", str(args.quality), "-g", str(2 * RATE),
        "-pix_fmt", "yuv420p", "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
        "-movflags", "+faststart", str(clip),
    ]
    drive = DriveBy(args.seed)
    lines = []
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        for number in range(round(args.seconds * RATE)):
            picture, plates = drive.frame(number)
            encoder.stdin.write(picture.tobytes())
            lines.append(line_of(number, plates))
        encoder.stdin.close()
        if encoder.wait():
            raise SystemExit(f"ffmpeg failed with status {encoder.returncode}")
    per_frame = list(lines)
    for i, (plate, (country, _, _, paint, shape)) in enumerate(zip(drive.plates, CARS), 1):
        frames = [n["frame"] for n in per_frame if any(p["text"] == plate.text for p in n["plates"])]
        lines.append({
            "car": i, "text": plate.text, "country": country, "shape": shape, "paint": list(paint),
            "first_frame": frames[0], "last_frame": frames[-1],
            "from_seconds": round(frames[0] / RATE, 3), "to_seconds": round(frames[-1] / RATE, 3),
        })
    truth = args.out / "drive-by.truth.jsonl"
    truth.write_text("".join(json.dumps(n) + "\n" for n in lines), encoding="utf-8")
    print(f"{clip}: {clip.stat().st_size} bytes, {len(CARS)} cars")


if __name__ == "__main__":
    main()
