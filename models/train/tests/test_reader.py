"""Laws of the reader's and the plates' pure parts: `python -m unittest discover -s tests` in models/train."""

import random
import re
import sys
import unittest
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from plates import COUNTRIES, camera, damage, draw_board, draw_plate, strokes, texts  # noqa: E402
from reader import blend, crops, real, samples, shelf, splice, training  # noqa: E402
from reader.corners import grown  # noqa: E402
from reader.decode import distance, fold, greedy  # noqa: E402
from reader.measure import align, reliability, temperature_of  # noqa: E402
from reader.net import ALPHABET, CLASSES, HEIGHT, STEPS, WIDTH, Reader, flop  # noqa: E402
from reader.net import fold as fold_norm  # noqa: E402


def logits_for(path: str, sure: float = 9.0) -> np.ndarray:
    """Logits whose best path is the given string; '_' is the blank."""
    out = np.zeros((len(path), CLASSES), np.float32)
    for i, c in enumerate(path):
        out[i, 0 if c == "_" else ALPHABET.index(c) + 1] = sure
    return out


class Texts(unittest.TestCase):
    def test_every_country_gives_plain_texts(self):
        rng = random.Random(1)
        for country in COUNTRIES:
            for _ in range(40):
                text = texts.plain(texts.pick_text(rng, country))
                self.assertRegex(text, r"^[A-Z0-9]{1,11}$", country)

    def test_patterns_are_kept(self):
        rng = random.Random(2)
        for country, pattern in (("ES", r"\d{4}[A-Z]{3}"), ("BR-old", r"[A-Z]{3}\d{4}"), ("CZ", r"(\d[A-Z][A-Z0-9]\d{4}|[A-Z]{2,3}\d{4})"), ("IL", r"\d{7,8}")):
            for _ in range(60):
                text = texts.plain(texts.pick_text(rng, country))
                self.assertTrue(re.fullmatch(pattern, text), f"{country}: {text}")

    def test_excluded_letters_do_not_appear(self):
        rng = random.Random(3)
        drawn = "".join(texts.plain(texts.pick_text(rng, "ES")) for _ in range(500))
        self.assertFalse(set("AEIOUQ") & set(drawn))


class Plates(unittest.TestCase):
    def test_every_country_can_be_drawn(self):
        rng = random.Random(4)
        for country in COUNTRIES:
            for _ in range(3):
                plate = draw_plate(rng, country, scale=.5)
                self.assertEqual(plate.text, "".join(plate.lines))
                self.assertEqual(plate.image.dtype, np.uint8)
                self.assertEqual(plate.image.ndim, 3)
                self.assertGreater(plate.image.std(), 5, country)

    def test_a_given_text_is_the_text(self):
        plate = draw_plate(random.Random(5), "BR-old", "ABC-1234")
        self.assertEqual((plate.text, plate.lines), ("ABC1234", ["ABC1234"]))

    def test_damage_keeps_size_and_kind(self):
        rng = random.Random(6)
        for _ in range(60):
            image = draw_plate(rng, scale=.4).image
            for picture in (image, image[:, :, 0].copy()):
                worn = damage(rng, picture)
                self.assertEqual((worn.shape, worn.dtype), (picture.shape, np.uint8))

    def test_every_variant_of_every_character_leaves_ink_inside_its_mask(self):
        for c in strokes.CHARACTERS:
            for variant in range(len(strokes.SKELETONS[c])):
                for square in (False, True):
                    mask = strokes.draw_skeleton(c, variant, 64, .5, .14, .9, .1, square)
                    self.assertEqual(mask.shape[0], 64)
                    self.assertGreater(mask.max(), 200, c)

    def test_boards_are_pictures(self):
        rng = random.Random(7)
        for _ in range(30):
            self.assertEqual(draw_board(rng, .4).ndim, 3)

    def test_dark_and_bright_light_stay_in_range(self):
        rng = random.Random(8)
        for tone in (0, 255):
            for _ in range(30):
                self.assertEqual(camera.light(rng, np.full((8, 8), tone, np.uint8)).dtype, np.uint8)


class Crops(unittest.TestCase):
    def test_shrink_gives_the_input_size_from_any_size(self):
        for h, w in ((1, 1), (48, 160), (200, 100), (20, 700), (500, 900)):
            self.assertEqual(crops.shrink(np.zeros((h, w), np.uint8)).shape, (HEIGHT, WIDTH))

    def test_a_cut_beyond_the_edge_repeats_it(self):
        image = np.tile(np.arange(10, dtype=np.uint8), (10, 1))
        part = real.cut(image, -3, 2, 4, 12)
        self.assertEqual(part.shape, (10, 7))
        self.assertTrue((part[:, :3] == 0).all())

    def test_a_photographer_gives_readable_sizes(self):
        photographer = crops.Photographer(random.Random(9), crops.Backgrounds(), shelf=20)
        for _ in range(60):
            picture, lines = photographer.shoot()
            self.assertEqual((picture.shape, picture.dtype), ((HEIGHT, WIDTH), np.uint8))
            self.assertTrue(2 <= len("".join(lines)) <= 10)


def striped(text: str) -> real.RealPlate:
    """A plate of 200 x 40 in a picture of 400 x 80: a dark bar for every character."""
    picture = np.full((80, 400, 3), 230, np.uint8)
    pitch = 200 / len(text)
    for i in range(len(text)):
        x = 100 + round((i + .5) * pitch)
        picture[26:54, x - 3:x + 4] = 20 + 10 * i
    return real.RealPlate(picture, (100, 20, 200, 40), text, "g", "s", 40, np.float32(((100, 20), (300, 20), (300, 60), (100, 60))))


class Seer(torch.nn.Module):
    """Stands for a network that reads `text` where `striped` has put it, whatever it is shown."""

    def __init__(self, text: str, lines: int = 1):
        super().__init__()
        half = -(-len(text) // lines)
        self.logits = torch.full((2 * STEPS, CLASSES), 0.0)
        self.logits[:, 0] = 12
        for i, c in enumerate(text):
            step = (i // half) * STEPS + int((.06 + (i % half + .5) / half) / 1.12 * STEPS)
            self.logits[step, 0], self.logits[step, ALPHABET.index(c) + 1] = 0, 12

    def forward(self, x):
        return self.logits.expand(len(x), -1, -1)


class RealCrops(unittest.TestCase):
    def test_a_quad_grows_along_its_edges(self):
        got = grown(np.float32(((0, 0), (10, 0), (10, 4), (0, 4))), .1, .25, .2, .5)
        self.assertTrue(np.allclose(got, ((-1, -1), (12, -1), (12, 6), (-1, 6))), got)

    def test_a_truth_crop_straightens_by_corners(self):
        plate = striped("AB12")
        upright, straight = real.truth_crop(plate, .05), real.truth_crop(plate, .05, rectify=True)
        self.assertEqual(upright.shape, (HEIGHT, WIDTH))
        self.assertLess(np.abs(upright.astype(int) - straight).mean(), 8)

    def test_every_augmentation_gives_the_input_size(self):
        rng = random.Random(10)
        for plate in (striped("AB12"), real.RealPlate(np.full((30, 50), 90, np.uint8), (10, 10, 20, 8), "A1", "g", "s", 8)):
            for _ in range(80):
                crop = real.augment(rng, plate)
                self.assertEqual((crop.shape, crop.dtype), ((HEIGHT, WIDTH), np.uint8))

    def test_a_known_text_is_found_on_its_steps(self):
        logp = torch.log_softmax(torch.from_numpy(logits_for("_AA_B__B")), 1).numpy().astype(float)
        self.assertEqual([(a, b) for a, b, _ in splice.aligned(logp, "ABB")], [(1, 2), (4, 4), (7, 7)])


class Splicing(unittest.TestCase):
    def test_plates_are_cut_between_their_characters(self):
        text = "ABC1234"
        (cut,) = splice.cuttable(Seer(text), [striped(text)])
        self.assertEqual([[c.character for c in line] for line in cut.lines], [list(text)])
        self.assertTrue(cut.dark_ink)
        for cell in cut.lines[0]:  # the bar is whole and inside
            dark = np.flatnonzero(cell.picture.min(0) < 120)
            self.assertTrue(0 < dark[0] and dark[-1] < cell.picture.shape[1] - 1)

    def test_what_is_made_says_what_it_shows(self):
        text = "ABC1234"
        cut = splice.cuttable(Seer(text), [striped(text)])
        rng = random.Random(12)
        for _ in range(60):
            plate, lines = splice.Splicer(cut, [1.0]).make(rng)
            self.assertEqual(plate.text, "".join(lines))
            tones = {20 + 10 * i: c for i, c in enumerate(text)}
            row = plate.picture[plate.picture.shape[0] // 2]
            seen = [int(row[x:x + 3].min()) for x in range(1, len(row) - 1) if row[x] < 120 and row[x - 1] >= 120]
            self.assertEqual(plate.text, "".join(tones[min(tones, key=lambda t: abs(t - v))] for v in seen))

    def test_where_letters_look_like_digits_the_pattern_stays(self):
        text = "ABO1204"
        cut = splice.cuttable(Seer(text), [striped(text)])
        rng = random.Random(13)
        made = {splice.Splicer(cut, [1.0]).make(rng)[0].text for _ in range(60)}
        self.assertGreater(len(made), 20)
        for one in made:
            self.assertRegex(one, r"^[A-Z]{1,5}[0-9]{1,6}$")

    def test_an_unsure_network_cuts_nothing(self):
        self.assertEqual(splice.cuttable(Seer("XYZ9876"), [striped("ABC1234")]), [])


class Decoding(unittest.TestCase):
    def test_repeats_need_a_blank(self):
        for path, want in (("AA_A", "AA"), ("___", ""), ("11", "1"), ("1_1", "11"), ("A0_0B", "A00B")):
            text, confidence = greedy(logits_for(path))
            self.assertEqual(text, want, path)
            self.assertTrue(.9 < confidence <= 1.0)

    def test_folding_and_distance(self):
        self.assertEqual(fold("OI01"), "0101")
        for a, b, d in (("", "", 0), ("ABC", "ABC", 0), ("ABC", "AC", 1), ("ABC", "XABD", 2), ("", "AB", 2)):
            self.assertEqual(distance(a, b), d)
            self.assertEqual(sum(x != y for x, y in align(a, b)), d)

    def test_overconfidence_gets_a_temperature_above_one(self):
        sure = np.stack([logits_for("A_B_", 6.0)] * 40)
        truth = ["AB"] * 20 + ["AC"] * 20
        self.assertGreater(temperature_of(sure, truth), 1.2)
        self.assertEqual(sum(row[2] for row in reliability(sure, truth, 1.0)), 40)


class Network(unittest.TestCase):
    def test_it_is_small_enough_and_has_two_lines(self):
        model = Reader()
        self.assertLessEqual(flop(model), 100_000_000)
        self.assertEqual(model(torch.zeros(2, 1, HEIGHT, WIDTH)).shape, (2, 2 * STEPS, CLASSES))

    def test_a_blend_lies_between_its_parents_and_takes_no_strangers(self):
        one, two = ({"ema": Reader(w, 32).state_dict(), "samples": 1, "widths": w, "head": 32} for w in ((8, 16, 24),) * 2)
        name = "upper.out.weight"
        mixed = blend.blended(one, two, .25)["ema"][name]
        self.assertLess((mixed - (.75 * one["ema"][name] + .25 * two["ema"][name])).abs().max().item(), 1e-6)
        stranger = {"ema": Reader((8, 16, 32), 32).state_dict(), "samples": 1, "widths": (8, 16, 32), "head": 32}
        with self.assertRaises(SystemExit):
            blend.blended(one, stranger, .5)

    def test_folding_changes_nothing(self):
        torch.manual_seed(1)
        model = Reader((8, 16, 24), 32)
        model.train()(torch.randn(16, 1, HEIGHT, WIDTH))
        x = torch.randn(2, 1, HEIGHT, WIDTH)
        with torch.no_grad():
            self.assertLess((model.eval()(x) - fold_norm(model)(x)).abs().max().item(), 1e-4)

    def test_loss_is_least_for_the_right_lines(self):
        right = torch.from_numpy(np.stack([np.concatenate([logits_for("A" + "_" * 39), logits_for("B" + "_" * 39)])]))

        def loss(kind, upper, lower):
            return training.ctc(right, torch.tensor([kind]), torch.from_numpy(np.array([[samples.codes(upper), samples.codes(lower)]])))

        known, swapped, joined = loss(0, "A", "B"), loss(0, "B", "A"), loss(1, "AB", "")
        self.assertLess(known.item(), swapped.item())
        self.assertLess(joined.item(), 1.0)

    def test_hopeless_samples_count_less(self):
        wrong = torch.from_numpy(logits_for("Z" * 80, 30.0))[None]
        lines = torch.from_numpy(np.array([[samples.codes("A"), samples.codes("")]]))
        plain, soft = (training.ctc(wrong, torch.tensor([0]), lines, knee).item() for knee in (None, 7.0))
        self.assertAlmostEqual(soft, 7 + (plain - 7) / 4, places=2)

    def test_a_batch_comes_back_once_more(self):
        one = [(torch.full((2, 1, 4, 4), i, dtype=torch.uint8), torch.zeros(2), torch.zeros(2, 2, 20)) for i in range(12)]
        got = list(shelf.again(iter(one), 1, part=1.0, shelf=4))
        self.assertEqual(len(got), 12 + 8)

    def test_a_shelf_keeps_the_newest_and_gives_crops_with_their_own_lines(self):
        numbered = [(torch.full((4, 1, 4, 4), i, dtype=torch.uint8), torch.full((4,), i)) for i in range(12)]
        kept = shelf.Shelf(iter(numbered), "cpu", room=12, first=48)
        pictures, kinds = kept.take(200)
        self.assertTrue((pictures[:, 0, 0, 0] == kinds).all())
        self.assertEqual(set(kinds.tolist()) - set(range(8, 12)), set())
        self.assertEqual(len(set(kinds.tolist())), 3)

    def test_a_shelf_says_why_nothing_comes(self):
        def broken():
            yield torch.zeros(1, 1, 4, 4), torch.zeros(1)
            raise ValueError("no paint")

        with self.assertRaises(RuntimeError):
            shelf.Shelf(broken(), "cpu", room=4, first=48).take(2)

    def test_jitter_keeps_shape_and_range_and_leaves_some_alone(self):
        torch.manual_seed(3)
        pictures = (torch.rand(64, 1, HEIGHT, WIDTH) * 255).to(torch.uint8)
        out = shelf.jittered(pictures)
        self.assertEqual(out.shape, pictures.shape)
        self.assertTrue(0 <= out.min() and out.max() <= 255)
        same = ((out - pictures.float()).abs().amax((1, 2, 3)) < .01).sum().item()
        self.assertTrue(5 <= same <= 30, same)


if __name__ == "__main__":
    unittest.main()
