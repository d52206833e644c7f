"""Laws the detector's pure parts hold: `python -m unittest discover -s tests` in models/train."""

import sys
import unittest
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from detector import augment, cache, evaluate, loss, samples  # noqa: E402
from detector.augment import Truth  # noqa: E402
from detector.network import OUTPUTS, STRIDES, Detector, flops, folded  # noqa: E402


def one_plate(box, quad=None):
    x0, y0, x1, y1 = box
    quad = quad if quad is not None else [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return Truth(np.array([box], np.float32), np.array([quad], np.float32), np.ones(1, np.float32))


def raw_for(boxes, width=128, height=96):
    """Network outputs that say exactly these boxes, each from the cell nearest its middle."""
    outputs = []
    for stride in STRIDES:
        raw = np.zeros((OUTPUTS, height // stride, width // stride), np.float32)
        raw[0] = -9
        outputs.append(raw)
    for x0, y0, x1, y1 in boxes:
        stride, raw = STRIDES[0], outputs[0]
        i, j = int((x0 + x1) / 2 // stride), int((y0 + y1) / 2 // stride)
        cx, cy = (i + 0.5) * stride, (j + 0.5) * stride
        raw[0, j, i] = 4
        raw[1:5, j, i] = np.array([cx - x0, cy - y0, x1 - cx, y1 - cy]) / stride
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - (cx, cy)
        raw[5:13, j, i] = corners.ravel() / stride
    return outputs


class Geometry(unittest.TestCase):
    def test_a_mirrored_plate_keeps_its_top_left_corner_at_the_top_left(self):
        truth = augment.mirrored(one_plate((10, 20, 50, 32), [[10, 22], [50, 20], [50, 30], [10, 32]]), 100)
        np.testing.assert_allclose(truth.boxes[0], [50, 20, 90, 32])
        np.testing.assert_allclose(truth.quads[0], [[50, 20], [90, 22], [90, 32], [50, 30]])

    def test_mirroring_twice_changes_nothing(self):
        truth = one_plate((10, 20, 50, 32), [[10, 22], [50, 20], [50, 30], [10, 32]])
        twice = augment.mirrored(augment.mirrored(truth, 100), 100)
        np.testing.assert_allclose(twice.boxes, truth.boxes)
        np.testing.assert_allclose(twice.quads, truth.quads)

    def test_a_mirrored_batch_agrees_with_a_mirrored_tile(self):
        tile = np.zeros((32, 100, 3), np.uint8)
        tile[20:32, 10:50] = 255
        truth = one_plate((10, 20, 50, 32), [[10, 22], [50, 20], [50, 30], [10, 32]])
        truth.ignore = np.array([[60, 2, 70, 8]], np.float32)
        turned = samples.mirrored(samples.collated([(tile, truth), (tile, Truth.none())]))
        expected = samples.collated([(np.ascontiguousarray(tile[:, ::-1]), augment.mirrored(truth, 100)), (np.ascontiguousarray(tile[:, ::-1]), Truth.none())])
        for name, value in expected.items():
            torch.testing.assert_close(turned[name], value, equal_nan=True)

    def test_a_plate_mostly_outside_becomes_an_area_nobody_is_blamed_for(self):
        truth = augment.clipped(one_plate((-30, 10, 10, 22)), 0, 0, 100, 100)
        self.assertEqual(len(truth.boxes), 0)
        np.testing.assert_allclose(truth.ignore, [[0, 10, 10, 22]])

    def test_a_plate_cut_a_little_stays_but_loses_its_corners(self):
        truth = augment.clipped(one_plate((-6, 10, 34, 22)), 0, 0, 100, 100)
        np.testing.assert_allclose(truth.boxes, [[0, 10, 34, 22]])
        self.assertTrue(np.isnan(truth.quads).all())

    def test_a_placed_plate_lies_where_its_pixels_lie(self):
        picture = np.zeros((240, 400, 3), np.uint8)
        picture[100:120, 150:230] = 255
        hits = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            tile, truth = augment.placed(rng, (picture, one_plate((150, 100, 230, 120))), 256, 160, 640, 384)
            if not len(truth.boxes):
                continue
            ys, xs = np.nonzero(tile[..., 0] > 190)
            np.testing.assert_allclose(truth.boxes[0], [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], atol=1.6)
            hits += 1
        self.assertGreater(hits, 20)

    def test_a_letterboxed_picture_keeps_its_proportions_and_its_middle(self):
        tile, scale, dx, dy = evaluate.letterbox(np.full((100, 400, 3), 255, np.uint8), 640, 384)
        self.assertEqual((scale, dx, dy), (1.6, 0, 112))
        self.assertTrue((tile[112:272] == 255).all() and (tile[:112] == 114).all() and (tile[272:] == 114).all())


class Decoding(unittest.TestCase):
    def test_what_is_encoded_is_decoded(self):
        boxes = [(10, 20, 50, 32), (70, 60, 110, 90)]
        score, box, quad = evaluate.suppressed(*evaluate.decoded(raw_for(boxes), STRIDES, 0.5))
        self.assertEqual(len(score), 2)
        np.testing.assert_allclose(sorted(map(tuple, box)), boxes, atol=1e-4)
        np.testing.assert_allclose(quad.min(1), box[:, :2], atol=1e-4)

    def test_two_finds_of_one_plate_become_one(self):
        box = np.array([[10, 10, 50, 20], [11, 10, 51, 20], [80, 10, 120, 20]], float)
        quad = np.zeros((3, 4, 2))
        score, kept, _ = evaluate.suppressed(np.array([0.6, 0.9, 0.5]), box, quad)
        self.assertEqual(score.tolist(), [0.9, 0.5])
        np.testing.assert_allclose(kept[0], box[1])

    def test_nothing_found_is_no_error(self):
        score, box, quad = evaluate.suppressed(*evaluate.decoded(raw_for([]), STRIDES, 0.5))
        self.assertEqual((len(score), box.shape, quad.shape), (0, (0, 4), (0, 4, 2)))

    def test_the_loss_of_a_perfect_answer_is_near_nothing_and_of_a_shifted_one_is_not(self):
        box = (20, 30, 68, 46)
        batch = {
            "boxes": torch.zeros(1, 4, 4), "quads": torch.full((1, 4, 4, 2), float("nan")), "trust": torch.ones(1, 4),
            "ignore": torch.zeros(1, 4, 4), "complete": torch.ones(1, dtype=torch.bool),
        }
        batch["boxes"][0, 0] = torch.tensor(box)

        def box_loss(said):
            outputs = [torch.from_numpy(o)[None] for o in raw_for([said])]
            return float(loss.losses(outputs, batch)[1])

        self.assertLess(box_loss(box), 0.5 * box_loss((24, 33, 72, 49)))


class Network(unittest.TestCase):
    def test_folding_changes_nothing_that_comes_out(self):
        torch.manual_seed(3)
        model = Detector((8, 8, 16, 16, 16), (8, 8, 8)).train()
        for _ in range(3):
            model(torch.rand(2, 3, 96, 128))
        model.eval()
        x = torch.rand(1, 3, 96, 128)
        with torch.no_grad():
            for a, b in zip(model(x), folded(model)(x)):
                torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)

    def test_the_network_stays_within_its_budget(self):
        self.assertLess(flops(Detector(), 384, 640), 1.5e9)


class BadInput(unittest.TestCase):
    def test_a_box_outside_its_picture_is_refused(self):
        with self.assertRaises(cache.BadAnnotation):
            cache.plates_of({"plates": [{"box": [90, 10, 40, 20]}]}, 100, 100)

    def test_a_box_without_size_is_refused(self):
        with self.assertRaises(cache.BadAnnotation):
            cache.plates_of({"plates": [{"box": [10, 10, 0, 20]}]}, 100, 100)


if __name__ == "__main__":
    unittest.main()
