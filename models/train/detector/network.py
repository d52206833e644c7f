"""The detector's network: plain convolutions, ReLU, max pooling, nearest upsampling.

Nothing here knows about data or losses. Every operator is one that both the CPU engine
and Hailo's compiler take, so no attention, no depthwise convolution, no SiLU.

Output: one raw tensor per stride, [N, 13, H/s, W/s]:
  0      plate logit
  1..4   left, top, right, bottom distance from the cell centre, in strides
  5..12  corners TL, TR, BR, BL as (dx, dy) from the cell centre, in strides
"""

import torch
from torch import nn

STRIDES = (8, 16, 32)
OUTPUTS = 13
# Geometry channels leave the network multiplied by this, so that the weights that make
# distances of a dozen strides stay as small as those that make a logit. Folded at export.
GEOMETRY_GAIN = 4.0


class Conv(nn.Sequential):
    """Convolution, batch norm (folded at export), ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1):
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Split(nn.Module):
    """Half of the channels go through a residual pair of 3x3 convolutions; all are kept."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.keep = Conv(channels, half, 1)
        self.work = Conv(channels, half, 1)
        self.first = Conv(half, half)
        self.second = Conv(half, half)
        self.merge = Conv(3 * half, channels, 1)

    def forward(self, x):
        kept, work = self.keep(x), self.work(x)
        return self.merge(torch.cat((kept, work, work + self.second(self.first(work))), 1))


class Pool(nn.Module):
    """Max pools of growing reach: sees the whole vehicle around a plate for little work."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.narrow = Conv(channels, half, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.merge = Conv(4 * half, channels, 1)

    def forward(self, x):
        a = self.narrow(x)
        b = self.pool(a)
        c = self.pool(b)
        return self.merge(torch.cat((a, b, c, self.pool(c)), 1))


class Detector(nn.Module):
    def __init__(self, widths=(16, 24, 48, 80, 112), neck=(40, 64, 64)):
        super().__init__()
        w1, w2, w3, w4, w5 = widths
        n3, n4, n5 = neck
        self.widths, self.neck = tuple(widths), tuple(neck)
        self.stem = nn.Sequential(Conv(3, w1, 3, 2), Conv(w1, w2, 3, 2))
        self.stage3 = nn.Sequential(Conv(w2, w3, 3, 2), Split(w3))
        self.stage4 = nn.Sequential(Conv(w3, w4, 3, 2), Split(w4))
        self.stage5 = nn.Sequential(Conv(w4, w5, 3, 2), Split(w5), Pool(w5))
        self.lateral5 = Conv(w5, n5, 1)
        self.lateral4 = nn.Sequential(Conv(w4 + n5, n4, 1), Conv(n4, n4))
        self.lateral3 = nn.Sequential(Conv(w3 + n4, n3, 1), Conv(n3, n3))
        self.head5 = Conv(n5, n5)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.out = nn.ModuleList(nn.Conv2d(n, OUTPUTS, 1) for n in (n3, n4, n5))
        gain = torch.ones(OUTPUTS)
        gain[1:] = GEOMETRY_GAIN
        self.register_buffer("gain", gain.view(1, -1, 1, 1), persistent=False)
        self._start()

    def _start(self):
        for conv in self.out:
            nn.init.normal_(conv.weight, std=0.01)
            with torch.no_grad():
                conv.bias.zero_()
                conv.bias[0] = -5.0  # most cells hold no plate
                # A plate of 6 x 2 strides, so that the first overlaps are not nil.
                half_w, half_h = 3.0 / GEOMETRY_GAIN, 1.0 / GEOMETRY_GAIN
                conv.bias[1:5] = torch.tensor([half_w, half_h, half_w, half_h])
                conv.bias[5:13] = torch.tensor(
                    [-half_w, -half_h, half_w, -half_h, half_w, half_h, -half_w, half_h]
                )

    def forward(self, x):
        p3 = self.stage3(self.stem(x))
        p4 = self.stage4(p3)
        p5 = self.lateral5(self.stage5(p4))
        q4 = self.lateral4(torch.cat((p4, self.up(p5)), 1))
        q3 = self.lateral3(torch.cat((p3, self.up(q4)), 1))
        outs = []
        for conv, q in zip(self.out, (q3, q4, self.head5(p5))):
            # Full precision here: distances need more than the 8 bits of bfloat16.
            if self.gain is None:  # folded
                outs.append(conv(q))
                continue
            with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
                outs.append(conv(q.float()) * self.gain)
        return tuple(outs)


def folded(model: Detector) -> Detector:
    """A copy for export: batch norms and the geometry gain folded into the weights."""
    import copy

    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, Conv):
            module[0] = nn.utils.fusion.fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    gain = model.gain.view(-1)
    with torch.no_grad():
        for conv in model.out:
            conv.weight *= gain.view(-1, 1, 1, 1)
            conv.bias *= gain
    model.gain = None
    return model


def flops(model: nn.Module, height: int, width: int) -> int:
    """Two per multiply-add, convolutions only."""
    total = 0

    def count(conv, _inputs, output):
        nonlocal total
        k = conv.kernel_size[0] * conv.kernel_size[1]
        total += 2 * k * conv.in_channels * output.shape[1] * output.shape[2] * output.shape[3]

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d)]
    was = model.training
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, height, width))
    model.train(was)
    for hook in hooks:
        hook.remove()
    return total
