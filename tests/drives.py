"""Rendered drives with several cars, asked of the program: one passage a vehicle, with the right text.

    python tests/drives.py --binary target/release/amslpr --count 20

Each seed is another place, light and traffic: cars nose to tail, cars that wait at the gate, cars that drive away in
the other lane, one that comes back, somebody who walks through the picture. Needs ffmpeg and the packages of
models/train/requirements.txt (no torch). Clips are kept in --keep and not rendered again.

With --home 0.85 each place lies in a country of its own, from which so many of the vehicles are, and which the program is
told, as an installer would; without it vehicles come from anywhere, and nothing is told.
"""

import argparse
import collections
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE / "models/train"))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from plates import draw_plate  # noqa: E402
from scenes import street  # noqa: E402
from scenes.car import Car  # noqa: E402
from scenes.view import Camera, Light, show  # noqa: E402

WIDTH, HEIGHT, RATE = 1280, 720, 10
STEP = 1 / RATE
COUNTRIES = ("DE", "GB", "FR", "PL", "ES", "IT", "RO", "NL", "BR")
LIGHTS = {
    "day": (Light(0.55, 0.72, (196, 212, 232)), 2.0),
    "dull": (Light(0.05, 0.85, (200, 204, 208)), 3.0),
    "dusk": (Light(0.05, 0.55, (70, 76, 96), (1.04, 1.0, 0.92)), 5.0),
}
FAR = 24.0
# A plate this wide, whole and not hidden in this many frames is one that has to be read.
READABLE_WIDTH, READABLE_FRAMES = 64, 4


class Vehicle:
    """One vehicle's way past the camera: where its front bumper is, frame by frame."""

    def __init__(self, car, plate, towards, starts, speed, waits):
        self.car, self.plate, self.towards = car, plate, towards
        self.starts, self.speed, self.waits = starts, speed, waits
        self.way = {}
        self.readable = []

    def is_over(self, at):
        return at < -self.car.length - 1 if self.towards else at > FAR + 22


def dice_of(number):
    """Some number that does not repeat in the order of the frames."""
    return random.Random(number).randrange(1 << 30)


def roll(vehicles, stop):
    """Lets the vehicles of one lane drive: nobody drives through the one ahead."""
    pending, on_road, frame = list(vehicles), [], 0
    state = {}
    while (pending or on_road) and frame < 120 * RATE:
        while pending and frame * STEP >= pending[0].starts:
            new = pending[0]
            entry = FAR if new.towards else -new.car.length
            if on_road:
                last = state[id(on_road[-1])]["at"]
                # There must be room for it to come into view.
                if abs(last - entry) < on_road[-1].car.length + 2.0:
                    break
            pending.pop(0)
            on_road.append(new)
            state[id(new)] = {"at": entry, "speed": new.speed, "left": new.waits}
        ahead = None
        for one in list(on_road):
            s = state[id(one)]
            wanted = one.speed
            if one.towards:
                room = s["at"] - stop
                if s["left"] > 0:
                    wanted = min(wanted, max(room, 0) * 0.9) if room > 0.15 else 0.0
                    if room <= 0.15:
                        s["left"] -= STEP
                if ahead is not None:
                    gap = s["at"] - (state[id(ahead)]["at"] + ahead.car.length)
                    wanted = min(wanted, max(gap - 1.3, 0) * 1.1)
            elif ahead is not None:
                gap = state[id(ahead)]["at"] - ahead.car.length - s["at"]
                wanted = min(wanted, max(gap - 1.3, 0) * 1.1)
            s["speed"] += np.clip(wanted - s["speed"], -7 * STEP, 2.5 * STEP)
            s["at"] += (-1 if one.towards else 1) * max(s["speed"], 0) * STEP
            one.way[frame] = s["at"]
            if one.is_over(s["at"]):
                on_road.remove(one)
            ahead = one
        frame += 1
    return frame


class Drive:
    def __init__(self, seed, home_share=None):
        self.dice = dice = random.Random(seed)
        # Dice of their own: what else happens at a place does not depend on where it lies.
        self.home_share, self.origins = home_share, random.Random(f"{seed} home")
        self.home = self.origins.choice(COUNTRIES) if home_share is not None else None
        rng = np.random.default_rng(seed)
        self.light_name = dice.choice(list(LIGHTS))
        self.light, self.noise = LIGHTS[self.light_name]
        self.camera = Camera(
            np.array([0.0, 0.0, dice.uniform(1.1, 2.2)]), yaw=dice.uniform(0.05, 0.12), pitch=dice.uniform(-0.09, -0.05),
            focal=dice.uniform(1500, 2100), width=WIDTH, height=HEIGHT,
        )
        spots = ((16, 7.5), (30, 8.5), (24, -7.5), (44, 7.0), (46, -8))
        things = [street.house(rng, x, y, -1 if y > 0 else 1) for x, y in spots]
        things.append(street.board(rng, 14.0, 5.3, 1.9, 1.5, street.writing(rng, ["PARKING", "OPEN 7 TO 22"])))
        self.back = street.backdrop(rng, self.camera, self.light)
        show(self.camera, self.back, things, self.light)
        self.lanes = {True: dice.uniform(1.2, 1.7), False: dice.uniform(-2.0, -1.6)}
        self.coming = self._traffic(rng, True, dice.randint(2, 4))
        self.leaving = self._traffic(rng, False, dice.randint(0, 2))
        if dice.random() < 0.3:
            # It comes back after a while: another visit.
            first = self.coming[0]
            again = Vehicle(first.car, first.plate, True, self.coming[-1].starts + dice.uniform(22, 30), first.speed, 0.0)
            self.coming.append(again)
        self.frames = max(roll(self.coming, 5.0), roll(self.leaving, 0.0)) + RATE
        self.walker = dice.uniform(4, 12) if dice.random() < 0.4 else None
        yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH]
        far = ((xx - WIDTH / 2) / WIDTH) ** 2 + ((yy - HEIGHT / 2) / HEIGHT) ** 2
        self.vignette = (1 - 0.28 * far)[..., None].astype(np.float32)
        grain = np.random.default_rng([seed, 99])
        self.grain = [grain.normal(0, self.noise, (HEIGHT, WIDTH, 1)).astype(np.float32) for _ in range(5)]

    def vehicles(self):
        return self.coming + self.leaving

    def _traffic(self, rng, towards, count):
        dice, starts, vehicles = self.dice, 0.3, []
        for i in range(count):
            plate = self._plate()
            while not 5 <= len(plate.text) <= 9 or len(plate.lines) > 1:
                plate = self._plate()
            car = Car(np.random.default_rng([int(dice.random() * 1e9), i]), plate)
            waits = dice.uniform(2, 9) if towards and dice.random() < 0.4 else 0.0
            vehicles.append(Vehicle(car, plate, towards, starts, dice.uniform(3.0, 7.0), waits))
            starts += dice.choice((1.0, 2.0, 5.0, 8.0))
        return vehicles

    def _plate(self):
        look, country = random.Random(self.dice.random()), self.dice.choice(COUNTRIES)
        if self.home and self.origins.random() < self.home_share:
            country = self.home
        return draw_plate(look, country)

    def frame(self, number):
        things, shown = [], {}
        for v in self.vehicles():
            if number not in v.way:
                continue
            at, y = v.way[number], self.lanes[v.towards]
            t = number * STEP
            sway = 0.03 * np.sin(1.3 * t + v.starts)
            turn = 0.02 * np.sin(0.9 * t + v.starts)
            middle = at + v.car.length / 2 if v.towards else at - v.car.length / 2
            thing = v.car.at(middle, y + sway, (np.pi if v.towards else 0.0) + turn)
            if middle < 9:
                thing.shade = None  # as good as out of the picture, and slow to draw
            things.append(thing)
            shown[id(v.plate)] = v
        if self.walker is not None:
            y = 3.0 - (number * STEP - self.walker) * 1.4
            if -2.5 < y < 3.0:
                things.append(street.box(4.0, 4.3, y - 0.25, y + 0.25, 0, 1.75, (60, 52, 48)))
        canvas = self.back.copy()
        for plate, quad, _, share in show(self.camera, canvas, things, self.light):
            lo, hi = quad.min(0), quad.max(0)
            inside = (lo >= 0).all() and hi[0] <= WIDTH and hi[1] <= HEIGHT
            if inside and share > 0.9 and hi[0] - lo[0] >= READABLE_WIDTH and id(plate) in shown:
                shown[id(plate)].readable.append(number)
        picture = canvas.astype(np.float32) * self.vignette
        picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
        picture += self.grain[dice_of(number) % len(self.grain)]
        return np.clip(picture, 0, 255).astype(np.uint8)


def render(seed, folder, home_share):
    """The clip of a seed, and what is in it."""
    name = f"drive-{seed}" if home_share is None else f"drive-{seed}-home-{home_share}"
    clip, truth = folder / f"{name}.mp4", folder / f"{name}.json"
    if clip.exists() and truth.exists():
        return clip, json.loads(truth.read_text())
    drive = Drive(seed, home_share)
    part = folder / f"{name}.part.mp4"
    command = [
        "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE),
        "-i", "-", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-g", str(2 * RATE), "-pix_fmt", "yuv420p",
        "-threads", "1", str(part),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        for number in range(drive.frames):
            encoder.stdin.write(drive.frame(number).tobytes())
        encoder.stdin.close()
        if encoder.wait():
            raise SystemExit(f"ffmpeg failed with status {encoder.returncode}")
    known = {
        "seconds": round(drive.frames / RATE, 1),
        "light": drive.light_name,
        "home": drive.home,
        "vehicles": [
            {
                "text": v.plate.text, "country": v.plate.country, "towards": v.towards, "waits": round(v.waits, 1),
                "readable": len(v.readable), "first": v.readable[:1], "last": v.readable[-1:],
            }
            for v in drive.vehicles()
        ],
    }
    truth.write_text(json.dumps(known))
    part.rename(clip)
    return clip, known


def asked(binary, clip, models, home):
    """What the program makes of a clip: its passages, oldest first."""
    told = f"[plate]\nregions = {json.dumps([home.lower()])}\n" if home else ""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "amslpr.toml"
        config.write_text(
            f'[journal]\npath = "journal.db"\n[control]\nsocket = "socket"\n[[camera]]\nname = "drive"\n[camera.replay]\n'
            f'path = {json.dumps(str(clip))}\nspeed = "fast"\n{told}[engine]\norder = ["cpu"]\nmodels = {json.dumps(str(models))}\n'
        )
        run = subprocess.run([binary, "run", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if run.returncode:
            raise SystemExit(f"{clip}: {run.stderr}")
        listed = subprocess.run([binary, "passages", "--json", "--config", config], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in listed.stdout.splitlines()][::-1]


def compared(known, passages):
    """Vehicles without a passage of their own, and passages without a vehicle."""
    wanted = collections.Counter(v["text"] for v in known["vehicles"] if v["readable"] >= READABLE_FRAMES)
    may_be = collections.Counter(v["text"] for v in known["vehicles"] if 0 < v["readable"] < READABLE_FRAMES)
    found = collections.Counter(p["plate"] for p in passages)
    missing, extra = wanted - found, found - wanted - may_be
    return sum(wanted.values()), sorted(missing.elements()), sorted(str(text) for text in extra.elements())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=HOUSE / "target/release/amslpr")
    parser.add_argument("--count", type=int, default=3, help="how many drives")
    parser.add_argument("--seed", type=int, default=1, help="the first one's seed")
    parser.add_argument("--keep", type=Path, help="folder for the clips")
    parser.add_argument("--home", type=float, metavar="SHARE", help="each place lies in a country that is told")
    parser.add_argument("--models", type=Path, default=HOUSE / "models")
    args = parser.parse_args()
    if not shutil.which("ffmpeg"):
        raise SystemExit("ffmpeg not found: install it to make the clips")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        vehicles = right = surplus = 0
        for seed in range(args.seed, args.seed + args.count):
            clip, known = render(seed, folder, args.home)
            passages = asked(args.binary.resolve(), clip.resolve(), args.models.resolve(), known.get("home"))
            count, missing, extra = compared(known, passages)
            vehicles, right, surplus = vehicles + count, right + count - len(missing), surplus + len(extra)
            verdict = "ok" if not missing and not extra else f"missing {missing}, surplus {extra}"
            print(f"drive {seed}: {known['seconds']} s, {known['light']}, {count} vehicles, {len(passages)} passages: {verdict}", flush=True)
    # A misread vehicle is missing once and surplus once; beyond that, somebody was counted twice or not at all.
    misread = min(vehicles - right, surplus)
    once = vehicles - right == surplus
    print(f"{vehicles} vehicles: {right} right ({100 * right / max(vehicles, 1):.1f} %), {misread} misread, {surplus - misread} too many, "
          f"{vehicles - right - misread} not seen")
    sys.exit(0 if vehicles and once and right >= 0.98 * vehicles else 1)


if __name__ == "__main__":
    main()
