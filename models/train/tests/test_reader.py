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
from reader import crops, real, training  # noqa: E402
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

    def test_folding_changes_nothing(self):
        torch.manual_seed(1)
        model = Reader((8, 16, 24), 32)
        model.train()(torch.randn(16, 1, HEIGHT, WIDTH))
        x = torch.randn(2, 1, HEIGHT, WIDTH)
        with torch.no_grad():
            self.assertLess((model.eval()(x) - fold_norm(model)(x)).abs().max().item(), 1e-4)

    def test_loss_is_least_for_the_right_lines(self):
        right = torch.from_numpy(np.stack([np.concatenate([logits_for("A" + "_" * 39), logits_for("B" + "_" * 39)])]))
        a, b = [ALPHABET.index("A") + 1], [ALPHABET.index("B") + 1]
        known = training.ctc(right, torch.tensor([0]), [a], [b])
        swapped = training.ctc(right, torch.tensor([0]), [b], [a])
        joined = training.ctc(right, torch.tensor([1]), [a + b], [[]])
        self.assertLess(known.item(), swapped.item())
        self.assertLess(joined.item(), 1.0)

    def test_a_batch_comes_back_once_more(self):
        one = [(torch.full((2, 1, 4, 4), i, dtype=torch.uint8), torch.zeros(2), [], []) for i in range(12)]
        got = list(training.again(iter(one), 1, part=1.0, shelf=4))
        self.assertEqual(len(got), 12 + 8)


if __name__ == "__main__":
    unittest.main()
