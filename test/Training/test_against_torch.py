"""Gradients of whole models beside PyTorch's: every parameter of a net and of a transformer's block."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat

torch = pytest.importorskip("torch")
pytest.importorskip("torch_mlir")
nn, functional = torch.nn, torch.nn.functional


class Block(nn.Module):
    """Attention with softmax, two layer norms, and a feed-forward net with GELU."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, tokens, width = x.shape

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.reshape(rows, tokens, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(width // self.heads), dim=-1)
        x = self.first(x + self.out((scores @ value).transpose(1, 2).reshape(rows, tokens, width)))
        return self.second(x + self.down(functional.gelu(self.up(x))))


class Convolutional(nn.Module):
    """Convolutions with padding and a stride, pooling of both kinds, tanh, sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.tanh(self.first(x)), 2)
        return self.last(torch.sigmoid(self.second(x)).mean((2, 3)))


MODELS = {
    "net": (lambda: nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 6)), (8, 12), "cross_entropy"),
    "block": (Block, (3, 5, 16), "squared_error"),
    "convolutional": (Convolutional, (4, 2, 8, 8), "cross_entropy"),
}


@pytest.mark.parametrize(("name", "target"), [("net", "reference"), ("net", "host"), ("block", "host"), ("convolutional", "host")])
def test_every_parameter_has_the_gradient_that_pytorch_has(tmp_path: Path, name: str, target: str) -> None:
    build, shape, loss = MODELS[name]
    torch.manual_seed(11)
    net = build()
    for parameter in net.parameters():  # layer norms start at one and zero, which would hide a lost factor
        parameter.data += 0.1 * torch.randn_like(parameter)
    x = torch.randn(shape)
    path = tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(path), dynamo=False, opset_version=17, input_names=["x"], output_names=["y"])
    plan = qat.prepare(lowbit.load(path), None)
    text = f"lowbit-add-loss{{loss={loss}}},lowbit-differentiate,canonicalize,cse"
    function = lowbit.Module(plan.forward.transform(text)._native, "loss_gradients").compile(target)
    y = net(x)
    if loss == "cross_entropy":
        labels = torch.randint(0, y.shape[1], (y.shape[0],))
        wanted = functional.cross_entropy(y, labels)
        given = labels.numpy().astype(np.int32)
    else:
        target_values = torch.randn_like(y)
        wanted = functional.mse_loss(y, target_values)
        given = target_values.numpy()
    wanted.backward()
    found = function(x=x.numpy(), labels=given, **plan.initial)
    np.testing.assert_allclose(found["loss"], wanted.item(), rtol=1e-5)

    left = dict(net.named_parameters())
    for key, value in plan.initial.items():
        same = [n for n, p in left.items() if matching(p.detach().numpy(), value) is not None]
        if not same:
            continue  # a constant of the import, such as the slope of GELU
        gradient = matching(left[same[0]].detach().numpy(), value, left.pop(same[0]).grad.numpy())
        ours = found[f"gradient.{key}"]
        assert np.abs(ours - gradient).max() <= 2e-5 * np.abs(gradient).max() + 1e-7, f"{key} is {same[0]} of PyTorch"
    assert not left, f"no parameter of ours is {', '.join(left)}"


def matching(theirs: np.ndarray, ours: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray | None:
    """`gradient` (or `theirs`) in the order of axes in which `theirs` equals `ours`."""
    gradient = theirs if gradient is None else gradient
    orders = [tuple(range(theirs.ndim)), tuple(reversed(range(theirs.ndim)))] + ([(2, 3, 1, 0)] if theirs.ndim == 4 else [])
    for order in orders:
        moved = theirs.transpose(order)
        if moved.size == ours.size and np.array_equal(moved.reshape(ours.shape), ours):
            return gradient.transpose(order).reshape(ours.shape)
    return None
