"""Convolutions to compare: one image, channels last, as inference has them after rectification (u8 codes with zero point 0)."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class ConvCase:
    """Out [oh, ow, outputs] = image [size, size, channels] * kernel [window, window, channels, outputs], padded to keep its size."""

    size: int
    channels: int
    outputs: int
    window: int
    stride: int = 1
    count: int = 1
    """How often the network has it."""

    @property
    def pad(self) -> tuple[int, int]:
        """Before and after, on both axes."""
        total = max((self.result_size - 1) * self.stride + self.window - self.size, 0)
        return (self.window // 2, total - self.window // 2) if self.window > 1 else (0, 0)

    @property
    def result_size(self) -> int:
        """Rows, and columns, of the result."""
        return -(-self.size // self.stride)

    @property
    def operations(self) -> float:
        """A product and its addition are two; those with padding need not be done."""
        starts = np.arange(self.result_size) * self.stride - self.pad[0]
        taps = np.minimum(starts + self.window, self.size) - np.maximum(starts, 0)
        return 2.0 * float(taps.sum()) ** 2 * self.outputs * self.channels

    @property
    def name(self) -> str:
        """Such as `3x3/2 56x56x128-128`."""
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.window}x{self.window}{stride} {self.size}x{self.size}x{self.channels}-{self.outputs}"

    @functools.cached_property
    def image(self) -> np.ndarray:
        """u8 codes."""
        return np.random.default_rng(1).integers(0, 256, (self.size, self.size, self.channels)).astype(np.uint8)

    @functools.cached_property
    def kernel(self) -> np.ndarray:
        """s8 codes."""
        return np.random.default_rng(0).integers(-127, 128, (self.window, self.window, self.channels, self.outputs), np.int8)

    @functools.cached_property
    def scale(self) -> float:
        """From sums to result codes, so that they fill their range: sums have this spread."""
        return float(np.float32(128 / (148 * 73 * np.sqrt(self.window**2 * self.channels))))

    @property
    def weight_bytes(self) -> int:
        """8 bits each."""
        return self.window**2 * self.channels * self.outputs

    def check(self, result: np.ndarray) -> bool:
        """Whether the middle row of the result is right, to one code: rounding of halves differs."""
        row = self.result_size // 2
        image = np.pad(self.image.astype(np.float64), (self.pad, self.pad, (0, 0)))
        patches = np.lib.stride_tricks.sliding_window_view(image, (self.window, self.window), (0, 1))[row * self.stride, :: self.stride]
        sums = np.einsum("wcij,ijco->wo", patches, self.kernel.astype(np.float64))
        expected = np.clip(np.rint(sums * self.scale), 0, 255)
        return bool(np.abs(result.reshape(self.result_size, -1, self.outputs)[row] - expected).max() <= 1)


def resnet50() -> list[ConvCase]:
    """The convolutions of ResNet-50 for 224 x 224 pixels, its strides in the 3x3."""
    cases = [ConvCase(224, 3, 64, 7, 2)]
    channels, size = 64, 56
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        stride = 1 if stage == 0 else 2
        inner = size // stride
        cases += [
            ConvCase(size, channels, width, 1),
            ConvCase(size, width, width, 3, stride),
            ConvCase(size, channels, 4 * width, 1, stride),  # the shortcut
            *[ConvCase(inner, width, 4 * width, 1)] * blocks,
            *[ConvCase(inner, 4 * width, width, 1), ConvCase(inner, width, width, 3)] * (blocks - 1),
        ]
        channels, size = 4 * width, inner
    return [replace(case, count=count) for case, count in Counter(cases).items()]
