"""Finds plates with a network and counts what it found, missed and invented.

`python -m detector.evaluate --model ../detector.onnx --truth FILE...` measures an exported
network by onnxruntime; training calls `measured` with the PyTorch one.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from .cache import BadAnnotation, annotations, plates_of

PAD = 114


def letterbox(picture, width, height):
    """The picture scaled to fit, in the middle of a grey tile; and how to get back."""
    h, w = picture.shape[:2]
    scale = min(width / w, height / h)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    tile = np.full((height, width, 3), PAD, np.uint8)
    dx, dy = (width - size[0]) // 2, (height - size[1]) // 2
    tile[dy : dy + size[1], dx : dx + size[0]] = small
    return tile, scale, dx, dy


def decoded(outputs, strides, floor):
    """Scores, boxes and corners above `floor`, in tile pixels. `outputs`: [13, h, w] each."""
    found = []
    for raw, s in zip(outputs, strides):
        score = 1 / (1 + np.exp(-raw[0]))
        y, x = np.nonzero(score >= floor)
        v = raw[:, y, x]
        cx, cy = (x + 0.5) * s, (y + 0.5) * s
        side = np.maximum(v[1:5], 0) * s
        box = np.stack((cx - side[0], cy - side[1], cx + side[2], cy + side[3]), 1)
        quad = v[5:13].T.reshape(-1, 4, 2) * s + np.stack((cx, cy), 1)[:, None]
        found.append((score[y, x], box, quad))
    return tuple(np.concatenate(part) for part in zip(*found))


def overlaps(box, boxes):
    lo, hi = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inter = np.maximum(hi - lo, 0).prod(1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - inter
    return inter / np.maximum(union, 1e-9)


def suppressed(score, box, quad, iou=0.45, most=50):
    order = np.argsort(-score)[:300]
    score, box, quad = score[order], box[order], quad[order]
    keep = []
    while len(order) and len(keep) < most:
        left = np.arange(len(score)) if not keep else left
        if not len(left):
            break
        i = left[0]
        keep.append(i)
        left = left[1:][overlaps(box[i], box[left[1:]]) < iou]
    return score[keep], box[keep], quad[keep]


def found_in(run, picture, width, height, strides, floor=0.05, iou=0.45):
    """Scores, boxes x0 y0 x1 y1 and quads in the picture's own pixels."""
    tile, scale, dx, dy = letterbox(picture, width, height)
    score, box, quad = suppressed(*decoded(run(tile), strides, floor), iou)
    off = np.array([dx, dy], np.float64)
    return score, (box - np.tile(off, 2)) / scale, (quad - off) / scale


def pictures_of(file: Path, folder: Path | None = None):
    """(picture RGB, note, plates) of every usable line; the unusable ones are counted at the end."""
    folder = folder or file.parent
    bad = 0
    for number, note in annotations(file):
        picture = cv2.imread(str(folder / note["image"]), cv2.IMREAD_COLOR)
        try:
            if picture is None:
                raise BadAnnotation("not a readable picture")
            plates = plates_of(note, picture.shape[1], picture.shape[0])
        except (BadAnnotation, KeyError, ValueError) as error:
            print(f"skipped: {file}:{number}: {note.get('image')}: {error}")
            bad += 1
            continue
        yield picture[..., ::-1], note, plates
    if bad:
        print(f"{file}: {bad} lines skipped")


def collected(find, pictures):
    """Per picture: what is there and what was found; `find(picture)` as `found_in`."""
    rows = []
    for picture, note, plates in pictures:
        score, box, quad = find(picture)
        rows.append((note, picture.shape[:2], plates, score, box, quad))
    return rows


def summary(rows, threshold, least_iou=0.5):
    """Counts at one threshold. A plate counts as found by overlap or by its centre being hit."""
    out = dict(plates=0, found=0, centre=0, readable=0, readable_found=0, readable_centre=0, extra=0, doubled=0, pictures=len(rows))
    ious, edges = [], []
    by_height = {}
    for note, (height, width), plates, score, box, _ in rows:
        box = box[score >= threshold]
        used = np.zeros(len(box), bool)
        fit = min(640 / width, 384 / height)
        for plate in plates:
            t = np.array(plate["box"])
            iou = overlaps(t, box) if len(box) else np.zeros(0)
            mid = (box[:, :2] + box[:, 2:]) / 2
            inside = ((mid >= t[:2]) & (mid <= t[2:])).all(1) if len(box) else np.zeros(0, bool)
            hit, near = bool((iou >= least_iou).any()), bool((inside & (iou >= 0.2)).any())
            about = (iou >= 0.2) | inside
            out["doubled"] += max(0, int((about & ~used).sum()) - 1)
            used |= about
            out["plates"] += 1
            out["found"] += hit
            out["centre"] += near
            if plate.get("text"):
                out["readable"] += 1
                out["readable_found"] += hit
                out["readable_centre"] += near
            if hit:
                best = box[iou.argmax()]
                ious.append(iou.max())
                edges.append((best - t) / np.tile(t[2:] - t[:2], 2))
            bin_ = int(min(5, np.log2(max((t[3] - t[1]) * fit, 1) / 4))) if (t[3] - t[1]) * fit >= 4 else -1
            cell = by_height.setdefault(bin_, [0, 0])
            cell[0] += 1
            cell[1] += near
        out["extra"] += int((~used).sum())
    n = max(out["plates"], 1)
    return {
        "threshold": threshold,
        **out,
        "recall": out["found"] / n,
        "centre_hit": out["centre"] / n,
        "readable_recall": out["readable_found"] / max(out["readable"], 1),
        "readable_centre_hit": out["readable_centre"] / max(out["readable"], 1),
        # Finds that meet no plate, and further finds of a plate already found.
        "extra_per_picture": (out["extra"] + out["doubled"]) / max(len(rows), 1),
        "median_iou": float(np.median(ious)) if ious else 0.0,
        # How far each side lies outside the truth, as a share of the truth's width or height.
        "edges_median": [round(float(v), 3) for v in np.median(edges, 0)] if edges else None,
        "by_height_at_input": {
            ("<4" if k < 0 else f"{4 * 2**k}+"): [v[0], round(v[1] / v[0], 3)] for k, v in sorted(by_height.items())
        },
    }


def network_run(model, device="cpu"):
    """`run` for `found_in` from a PyTorch network."""
    import torch

    def run(tile):
        x = torch.from_numpy(np.ascontiguousarray(tile.transpose(2, 0, 1)))[None].to(device).float() / 255
        with torch.no_grad():
            return [o[0].float().cpu().numpy() for o in model(x.contiguous(memory_format=torch.channels_last))]

    return run


def onnx_run(path, threads=1):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    height, width = session.get_inputs()[0].shape[2:]

    def run(tile):
        x = np.ascontiguousarray(tile.transpose(2, 0, 1), np.float32)[None] / np.float32(255)
        return [o[0] for o in session.run(None, {name: x})]

    return run, width, height


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("../detector.onnx"))
    parser.add_argument("--truth", type=Path, nargs="+", required=True)
    parser.add_argument("--threshold", type=float, nargs="*", default=[0.2, 0.3, 0.35, 0.4, 0.5])
    parser.add_argument("--iou", type=float, default=0.5, help="least overlap that counts as found")
    args = parser.parse_args()
    run, width, height = onnx_run(args.model)
    for file in args.truth:
        rows = collected(lambda p: found_in(run, p, width, height, (8, 16, 32)), pictures_of(file))
        for threshold in args.threshold:
            print(json.dumps({"set": str(file), **summary(rows, threshold, args.iou)}))


if __name__ == "__main__":
    main()
