"""A step of training in PyTorch, in eager mode on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.timing import PythonCall
from bench.training import RATE, TrainingCase


class _Model:
    """The case's model of PyTorch's own functions; `fake(name, value, axis)` is what stands before each operand of a layer."""

    def __init__(self, case: TrainingCase, fake: Callable[[str, Any, int], Any]) -> None:
        import torch

        self.functional, self.fake = torch.nn.functional, fake
        self.parameters = {
            name: torch.from_numpy(array.copy()).requires_grad_() for name, array in case.weights.items() if "mask" not in name
        }
        kind = case.name.split()[0]
        self.forward = {"MLP": self._mlp, "CNN": self._cnn, "block": self._block}[kind]
        self.layers = sum(name.startswith("fc") and name.endswith(".weight") for name in self.parameters)
        self.batch = tuple(map(int, case.name.split()[1].split("x"))) if kind == "block" else ()

    def linear(self, name: str, value: Any) -> Any:
        """Weights as [inputs, outputs]."""
        weight = self.fake(f"{name}.weight", self.parameters[f"{name}.weight"], 1)
        return self.fake(f"{name}.input", value, -1) @ weight + self.parameters[f"{name}.bias"]

    def _mlp(self, value: Any) -> Any:
        for i in range(self.layers):
            value = self.linear(f"fc{i}", value)
            if i + 1 < self.layers:
                value = self.functional.relu(value)
        return value

    def _cnn(self, value: Any) -> Any:
        for name in ("conv0", "conv1"):
            weight = self.fake(f"{name}.weight", self.parameters[f"{name}.weight"], 0)
            value = self.functional.relu(
                self.functional.conv2d(self.fake(f"{name}.input", value, -1), weight, self.parameters[f"{name}.bias"], padding=1)
            )
        return self.linear("fc", self.functional.max_pool2d(value, 2).flatten(1))

    def _block(self, value: Any) -> Any:
        batch, seq = self.batch
        path = "encoder.layer.0."
        attention = path + "attention.self."
        query, key, values = (
            self.linear(attention + name, value).view(batch, seq, 12, 32).transpose(1, 2) for name in ("query", "key", "value")
        )
        query, key, values = (
            self.fake(attention + name, each, -1)
            for name, each in zip(("scores.lhs", "scores.rhs", "context.rhs"), (query, key, values), strict=True)
        )
        weights = (query @ key.transpose(2, 3) * (1 / 32**0.5)).softmax(-1)
        context = self.fake(attention + "context.lhs", weights, -1) @ values
        attended = self.linear(path + "attention.output.dense", context.transpose(1, 2).reshape(batch * seq, 384))
        value = self.norm(path + "attention.output.LayerNorm", attended + value)
        wide = self.functional.gelu(self.linear(path + "intermediate.dense", value))
        return self.norm(path + "output.LayerNorm", self.linear(path + "output.dense", wide) + value)

    def norm(self, name: str, value: Any) -> Any:
        """Over the last axis."""
        return self.functional.layer_norm(value, (384,), self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"], 1e-12)


class _FakeQuant:
    """Fake quantization modules of torch.ao with learned scales, one for each name, made when they are first met."""

    def __init__(self, case: TrainingCase) -> None:
        self.case, self.modules = case, {}

    def __call__(self, name: str, value: Any, axis: int) -> Any:
        module = self.modules.get(name)
        if module is None:
            module = self.modules[name] = self._make(name, value, axis)
        return module(value)

    def _make(self, name: str, value: Any, axis: int) -> Any:
        import torch
        from torch.ao.quantization import MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
        from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize

        bits = self.case.activation_bits if axis < 0 else self.case.weight_bits
        options = {"quant_min": -(2 ** (bits - 1)), "quant_max": 2 ** (bits - 1) - 1, "dtype": torch.qint8, "use_grad_scaling": True}
        if axis < 0:
            module = _LearnableFakeQuantize(MovingAverageMinMaxObserver, qscheme=torch.per_tensor_symmetric, **options)
        else:
            options |= {"qscheme": torch.per_channel_symmetric, "ch_axis": axis, "channel_len": value.shape[axis]}
            module = _LearnableFakeQuantize(MovingAveragePerChannelMinMaxObserver, **options)
        module(value)  # the first scales
        return module.enable_param_learning()

    def parameters(self) -> list[Any]:
        """Scales."""
        return [module.scale for module in self.modules.values()]


def training_step(case: TrainingCase, fused: bool = False) -> Prepared:
    """Floats, or the modules for learned fake quantization that PyTorch brings. fused: its Adam in one kernel, which has to be asked for."""
    import torch

    torch.set_num_threads(1)
    fake = _FakeQuant(case) if case.weight_bits else None
    model = _Model(case, fake or (lambda name, value, axis: value))
    x, labels = torch.from_numpy(case.x), torch.from_numpy(case.labels)
    if case.has_classes:
        labels = labels.long()
    loss_function = torch.nn.functional.cross_entropy if case.has_classes else torch.nn.functional.mse_loss
    first = np.array(loss_function(model.forward(x), labels).item())
    trained = [*model.parameters.values(), *(fake.parameters() if fake else [])]
    optimizer = torch.optim.Adam(trained, RATE, fused=fused)

    def step() -> None:
        optimizer.zero_grad()
        loss_function(model.forward(x), labels).backward()
        optimizer.step()

    return Prepared(
        PythonCall(step), 32, lambda: first, torch.__version__, f"forward, backward, {'fused ' if fused else ''}Adam, in eager mode"
    )
