"""The same network in PyTorch, for comparison: generated kernels, stride 2, pixel shuffle."""

from typing import Literal

import torch
from torch import nn
from torch.nn import functional


class Generated(nn.Module):
    """A 3x3 convolution with the kernel ``level * w + b``."""

    def __init__(self, filters: int):
        super().__init__()
        self.w = nn.Parameter(torch.randn(filters, filters, 3, 3) * 0.01)
        self.b = nn.Parameter(torch.randn(filters, filters, 3, 3) * 0.01)
        self.bias_w = nn.Parameter(torch.zeros(filters))
        self.bias_b = nn.Parameter(torch.zeros(filters))

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Convolves."""
        kernel, bias = level * self.w + self.b, level * self.bias_w + self.bias_b
        return functional.conv2d(x, kernel, bias, padding=1)


class TorchNetwork(nn.Module):
    """Stride-2 head, residual blocks, long skip, and the paper's tail or the light one."""

    def __init__(
        self,
        blocks: int,
        filters: int = 64,
        channels: int = 3,
        tail: Literal["paper", "light"] = "paper",
    ):
        super().__init__()
        self.light = tail == "light"
        self.head = nn.Conv2d(channels, filters, 3, stride=2, padding=1)
        self.convs = nn.ModuleList(Generated(filters) for _ in range(2 * blocks))
        self.skip = nn.Conv2d(filters, filters, 3, padding=1)
        if self.light:
            self.tail = nn.Conv2d(filters, 4 * channels, 3, padding=1)
            return
        self.expand = nn.Conv2d(filters, 4 * filters, 3, padding=1)
        self.merge = nn.Conv2d(filters, filters, 3, padding=1)
        self.tail = nn.Conv2d(filters, channels, 3, padding=1)

    def forward(self, image: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Restores a batch ``(batch, channels, height, width)`` at one level."""
        x = head = self.head(image)
        for first, second in zip(self.convs[::2], self.convs[1::2], strict=True):
            x = x + second(functional.relu(first(x, level)), level)
        x = self.skip(x) + head
        if self.light:
            return functional.pixel_shuffle(self.tail(x), 2)
        x = functional.relu(functional.pixel_shuffle(self.expand(x), 2))
        return self.tail(functional.relu(self.merge(x)))
