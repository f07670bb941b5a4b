"""Parametrizations, stochastic rounding and estimators of `lowbit.torch` beside those of the IR."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.errors import Error

torch = pytest.importorskip("torch")
import lowbit.torch as qt
from lowbit.torch.noise import philox

SHAPE = (6, 4, 8)
FORMATS = {"twn": "ternary", "ttq": "ternary", "xnor": "binary", "dorefa": "int<3>", "twn<threshold = 0.5>": "ternary", "": "int<4>"}
SEED, STEP = (5 << 32) + 77, 3


def in_the_ir(folder: Path, rule: str, axis: int | None, passes: list[str]) -> lowbit.Function:
    """The rounded weight, and the derivatives of its product with `c`."""
    kind = f"tensor<{'x'.join(map(str, SHAPE))}xf32>"
    block = "" if axis is None else f", block = [{', '.join('1' if i == axis else '0' for i in range(3))}]"
    scale = f"tensor<{'' if axis is None else ''.join(f'{n if i == axis else 1}x' for i, n in enumerate(SHAPE))}f32>"
    element = "affine_map<(i, j, k) -> (i, j, k)>"
    (folder / "m.mlir").write_text(f"""
func.func @main(%w: {kind} {{lowbit.name = "w", lowbit.parameter = "weight"}}, %s: {scale} {{lowbit.name = "s", lowbit.parameter = "scale"}},
                %c: {kind} {{lowbit.name = "c"}}) -> (tensor<f32> {{lowbit.name = "loss"}}, {kind} {{lowbit.name = "q"}}) {{
  %none = arith.constant 0.0 : f32
  %q = lowbit.fake_quant %w, %s <#lowbit.{FORMATS[rule]}{block}> : ({kind}, {scale}) -> {kind} by #lowbit.lsq
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%none : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {{indexing_maps = [{element}, {element}, affine_map<(i, j, k) -> ()>],
                        iterator_types = ["reduction", "reduction", "reduction"]}} ins(%q, %c : {kind}, {kind}) outs(%f : tensor<f32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %n = arith.addf %o, %p : f32
    linalg.yield %n : f32
  }} -> tensor<f32>
  return %r, %q : tensor<f32>, {kind}
}}""")
    model = lowbit.load(folder / "m.mlir").transform(",".join([*passes, "lowbit-differentiate{function=main}"]))
    return lowbit.Module(model._native, "main_gradients").compile("reference")


@pytest.mark.parametrize("stochastic", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("rule", sorted(FORMATS))
def test_layers_round_as_the_ir_does(tmp_path: Path, rule: str, axis: int | None, stochastic: bool) -> None:
    """To the bit: the sums of these weights are exact, so that their order does not matter. Libraries have hyperbolic tangents of their own."""
    passes = [f"lowbit-parametrize-weights{{rules={'{' if ' ' in rule else ''}{rule}{'}' if ' ' in rule else ''}}}"] if rule else []
    passes += ["lowbit-add-dither"] if stochastic else []
    function = in_the_ir(tmp_path, rule, axis, passes)
    random = np.random.default_rng(3)
    w = (np.rint(random.normal(0, 64, SHAPE)) / 64).astype(np.float32)
    c = (np.rint(random.normal(0, 8, SHAPE)) / 8).astype(np.float32)
    scale = random.uniform(0.2, 0.5, () if axis is None else SHAPE[axis]).astype(np.float32)
    wide = scale if axis is None else scale.reshape([-1 if i == axis else 1 for i in range(3)])
    inputs = {"w": w, "s": np.asarray(wide), "c": c, "noise": np.array([(SEED ^ SEED >> 32) & 0xFFFFFFFF, STEP]).astype(np.int32)}
    wanted = function(**{port.name: inputs[port.name] for port in function.inputs})

    noise = qt.Noise(SEED) if stochastic else None
    layer = qt.FakeQuantize(FORMATS[rule], axis=axis, channels=scale.size, parametrization=rule or None, noise=noise)
    layer.scale.data, layer.ready = torch.tensor(scale), torch.tensor(True)
    if stochastic:
        layer.step.fill_(STEP - 1)
    weight = torch.tensor(w, requires_grad=True)
    y = layer(weight)
    (y * torch.tensor(c)).sum().backward()
    if rule == "dorefa":
        same = np.isclose(y.detach().numpy(), wanted["q"], rtol=1e-6)
        assert same.mean() > 0.99
    else:
        np.testing.assert_array_equal(y.detach().numpy(), wanted["q"])
    np.testing.assert_allclose(weight.grad.numpy(), wanted["gradient.w"], rtol=2e-5, atol=1e-6)
    assert ("gradient.s" in wanted) == (layer.scale.grad is not None)
    if layer.scale.grad is not None and rule != "dorefa":
        np.testing.assert_allclose(layer.scale.grad.numpy().reshape(wanted["gradient.s"].shape), wanted["gradient.s"], rtol=2e-5, atol=1e-4)
    if stochastic:
        rounded = layer.eval()(weight)
        assert not torch.equal(rounded, y) and torch.equal(rounded, layer(weight)) and int(layer.step) == STEP


def test_random_words_are_those_of_the_paper() -> None:
    """Known answers of Random123 1.14 (`kat_vectors`, philox2x32, 10 rounds): first words."""
    cases = [
        ((0, 0), 0, 0xFF1DAE59),
        ((0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF, 0x2C3F628B),
        ((0x243F6A88, 0x85A308D3), 0x13198A2E, 0xDD7CE038),
    ]
    for (low, high), key, word in cases:
        assert int(philox(torch.tensor([low]), high, key)[0]) == word


def test_nets_train_by_them() -> None:
    torch.manual_seed(1)
    x = torch.randn(64, 12)
    labels = (x @ torch.randn(12, 4)).argmax(1)
    for rule, format in FORMATS.items():
        net = torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
        qt.quantize_layers(net, weight=format, activation="int<8>", parametrization=rule or None, stochastic=2)
        assert [net[0].weight.noise.number, net[2].weight.noise.number] == [0, 1]
        optimizer, losses = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-2), []
        for _ in range(80):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.6 * losses[0], rule


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qt.FakeQuantize("int<4>", parametrization="twn"), "`twn` does not fit int<4>; expected ternary"),
        (lambda: qt.FakeQuantize("ternary", parametrization="xnor"), "`xnor` does not fit ternary; expected binary"),
        (lambda: qt.FakeQuantize("uint<4>", parametrization="dorefa"), "`dorefa` does not fit uint<4>"),
        (lambda: qt.FakeQuantize("ternary", parametrization="twn<threshold = 1.5>"), "is 1.5; expected a share above 0 and below 1"),
        (lambda: qt.FakeQuantize("ternary", parametrization="three"), "there is no parametrization `three`"),
        (lambda: qt.fake_quantize(torch.ones(2), torch.tensor(1.0), "int<4>", estimator="approx_sign"), "it is the slope of a sign"),
    ],
)
def test_what_does_not_fit_is_refused(make: object, message: str) -> None:
    with pytest.raises(Error, match=message):
        make()
