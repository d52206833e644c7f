"""The reader network: plain convolutions, two line heads one after the other, CTC logits.

Input [N, 1, 48, 160], output [N, 80, 37]: forty steps for the upper (or only) line, then forty for the
lower one. Nothing but convolution, ReLU, addition, concatenation and one transposition, so that every
compiler we need takes it.
"""

from __future__ import annotations

import torch
from torch import nn

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CLASSES = len(ALPHABET) + 1
WIDTH, HEIGHT, STEPS = 160, 48, 40


def conv(cin, cout, kernel=3, stride=1, padding=None):
    """Convolution, batch normalisation (folded at export), ReLU."""
    if padding is None:
        padding = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, padding, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions beside a straight line."""

    def __init__(self, channels, kernel):
        super().__init__()
        padding = tuple(k // 2 for k in kernel)
        self.first = conv(channels, channels, kernel)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, kernel, 1, padding, bias=False), nn.BatchNorm2d(channels))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(x + self.second(self.first(x)))


class LineHead(nn.Module):
    """Collapses the height and reads one line from left to right."""

    def __init__(self, cin, width, rows, reach):
        super().__init__()
        self.collapse = conv(cin, width, (rows, 1), padding=0)
        self.along = nn.Sequential(*[conv(width, width, (1, k)) for k in reach])
        self.out = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x):
        return self.out(self.along(self.collapse(x)))


class Reader(nn.Module):
    """About 98 MFLOP at 2 per multiply-add for the default widths."""

    def __init__(self, widths=(24, 48, 80), head=88, reach=(7, 5)):
        super().__init__()
        a, b, c = widths
        self.trunk = nn.Sequential(
            conv(1, a, 3, 2),  # 24 x 80
            conv(a, b, 3, 2),  # 12 x 40
            Residual(b, (3, 3)),
            conv(b, c, 3, (2, 1)),  # 6 x 40
            conv(c, c, (1, 3)),
        )
        self.upper = LineHead(c, head, HEIGHT // 8, reach)
        self.lower = LineHead(c, head, HEIGHT // 8, reach)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
        for head_ in (self.upper, self.lower):
            nn.init.normal_(head_.out.weight, std=.01)

    def forward(self, x):
        x = self.trunk(x)
        both = torch.cat((self.upper(x), self.lower(x)), 3)  # N, 37, 1, 80
        return both.squeeze(2).transpose(1, 2)


def fold(model: nn.Module) -> nn.Module:
    """A copy with every batch normalisation folded into the convolution before it."""
    import copy
    model = copy.deepcopy(model).eval()
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            names = list(module._modules)
            for first, second in zip(names, names[1:]):
                c, n = module._modules[first], module._modules[second]
                if isinstance(c, nn.Conv2d) and isinstance(n, nn.BatchNorm2d):
                    module._modules[first] = torch.nn.utils.fusion.fuse_conv_bn_eval(c, n)
                    module._modules[second] = nn.Identity()
    return model


def flop(model: nn.Module) -> int:
    """Floating point operations of one crop, two per multiply-add."""
    total = 0
    hooks = []

    def count(m, _, out):
        nonlocal total
        total += 2 * out.shape[2] * out.shape[3] * m.weight.numel()

    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            hooks.append(m.register_forward_hook(count))
    with torch.no_grad():
        model.eval()(torch.zeros(1, 1, HEIGHT, WIDTH))
    for h in hooks:
        h.remove()
    return total
