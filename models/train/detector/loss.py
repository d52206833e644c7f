"""What the detector is held to: which cells answer for which plate, and how far off they are.

Task-aligned assignment: among the cells near a plate's middle, on the strides its size
allows, the few that already do best get it, the best of them with full score.
"""

import torch
import torch.nn.functional as F

from .network import STRIDES

# Plate heights in strides that a stride may answer for.
LEAST = {8: 0.0, 16: 0.7, 32: 0.9}
MOST = {8: 5.0, 16: 6.0, 32: 1e9}
TOP = 8


def cells(shapes, device):
    """Centres (x, y) and strides of all cells, in the order of `flat`."""
    points, strides = [], []
    for (h, w), s in zip(shapes, STRIDES):
        y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
        points.append(torch.stack(((x + 0.5) * s, (y + 0.5) * s), -1).view(-1, 2))
        strides.append(torch.full((h * w,), float(s), device=device))
    return torch.cat(points), torch.cat(strides)


def flat(outputs):
    """[N, cells, 13]"""
    return torch.cat([o.flatten(2).transpose(1, 2) for o in outputs], 1)


def decoded(raw, points, strides):
    """Boxes x0 y0 x1 y1 and corners in pixels."""
    s = strides.view(1, -1, 1)
    lt, rb = raw[..., 1:3] * s, raw[..., 3:5] * s
    boxes = torch.cat((points - lt, points + rb), -1)
    corners = raw[..., 5:13] * s + points.repeat(1, 4)
    return boxes, corners.view(*raw.shape[:2], 4, 2)


def overlap(a, b, generalised=False):
    """IoU (or GIoU) of boxes, broadcast."""
    lo = torch.maximum(a[..., :2], b[..., :2])
    hi = torch.minimum(a[..., 2:], b[..., 2:])
    inter = (hi - lo).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    union = (area_a + area_b - inter).clamp(min=1e-6)
    iou = inter / union
    if not generalised:
        return iou
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    return iou - (hull - union) / hull.clamp(min=1e-6)


@torch.no_grad()
def assigned(score, boxes, points, strides, truth):
    """For every cell: the plate it answers for (or -1) and the score it should have."""
    n, m = truth.shape[:2]
    wide, high = (truth[..., 2:] - truth[..., :2]).unbind(-1)
    real = high > 0
    size = torch.maximum(high, wide / 4)
    centre = (truth[..., :2] + truth[..., 2:]) / 2
    s = strides.view(1, 1, -1)
    off = (points.view(1, 1, -1, 2) - centre.unsqueeze(2)).abs()
    reach_x = torch.maximum(0.6 * s, torch.minimum(0.35 * wide.unsqueeze(2), 2.5 * s))
    reach_y = torch.maximum(0.6 * s, torch.minimum(0.40 * high.unsqueeze(2), 1.5 * s))
    units = size.unsqueeze(2) / s
    least = torch.zeros_like(strides)
    most = torch.zeros_like(strides)
    for stride in STRIDES:
        least[strides == stride] = LEAST[stride]
        most[strides == stride] = MOST[stride]
    may = (off[..., 0] <= reach_x) & (off[..., 1] <= reach_y) & (units >= least) & (units <= most)
    may &= real.unsqueeze(2)
    iou = overlap(truth.unsqueeze(2), boxes.unsqueeze(1)) * may
    fit = (score.unsqueeze(1).clamp(min=1e-4) ** 0.5 * iou.clamp(min=1e-3) ** 4) * may
    best = fit.topk(min(TOP, fit.shape[2]), dim=2)
    chosen = torch.zeros_like(fit, dtype=torch.bool).scatter_(2, best.indices, best.values > 0) & may
    # A cell wanted by two plates goes to the one it overlaps more.
    claim = torch.where(chosen, iou + 1e-6, torch.zeros_like(iou))
    top, owner = claim.max(1)
    owner = torch.where(top > 0, owner, torch.full_like(owner, -1))
    mine = chosen & (owner.unsqueeze(1) == torch.arange(m, device=owner.device).view(1, -1, 1))
    fit, iou = fit * mine, iou * mine
    # The best cell of every plate is to be sure of it. Asking for the overlap instead, as is often
    # done, held sure finds of small or loosely boxed plates down among the doubtful ones.
    want = fit / fit.amax(2, keepdim=True).clamp(min=1e-9)
    return owner, want.amax(1)


def losses(outputs, batch):
    raw = flat(outputs)
    points, strides = cells([o.shape[2:] for o in outputs], raw.device)
    boxes, corners = decoded(raw, points, strides)
    logit = raw[..., 0]
    score = logit.detach().sigmoid()
    owner, want = assigned(score, boxes.detach(), points, strides, batch["boxes"])
    total = want.sum().clamp(min=1.0)

    # Easy background counts for little.
    weight = torch.where(want > 0, want, score**1.5)
    # Areas nobody can judge do not count as background.
    inside = (
        (points.view(1, 1, -1, 2) >= batch["ignore"][..., None, :2])
        & (points.view(1, 1, -1, 2) <= batch["ignore"][..., None, 2:])
    ).all(-1).any(1)
    weight = torch.where(inside & (owner < 0), torch.zeros_like(weight), weight)
    # Where far plates may lack a box, a small find is no proof of a fault.
    small = (boxes[..., 3] - boxes[..., 1]).detach() < 14
    weight = torch.where(small & ~batch["complete"].view(-1, 1) & (owner < 0), 0.25 * weight, weight)
    loss_score = (F.binary_cross_entropy_with_logits(logit, want, reduction="none") * weight).sum() / total

    i, cell = torch.nonzero(owner >= 0, as_tuple=True)
    if len(i) == 0:
        nothing = raw.sum() * 0
        return loss_score, nothing, nothing, want
    own = owner[i, cell]
    truth = batch["boxes"][i, own]
    trust = batch["trust"][i, own]
    share = want[i, cell] * trust
    mine = boxes[i, cell]
    high = torch.maximum(truth[:, 3] - truth[:, 1], (truth[:, 2] - truth[:, 0]) / 4)
    away = F.smooth_l1_loss(mine / high[:, None], truth / high[:, None], reduction="none", beta=0.1).sum(-1)
    loss_box = ((2 * (1 - overlap(mine, truth, True)) + 0.5 * away) * share).sum() / total
    quad = batch["quads"][i, own]
    known = ~torch.isnan(quad).flatten(1).any(1)
    loss_corner = raw.sum() * 0
    if known.any():
        k = high[known].view(-1, 1, 1)
        far = F.smooth_l1_loss(corners[i, cell][known] / k, quad[known] / k, reduction="none", beta=0.1)
        loss_corner = (far.flatten(1).sum(1) * want[i, cell][known]).sum() / total
    return loss_score, loss_box, loss_corner, want
