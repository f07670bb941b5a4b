"""`lowbit.torch` beside the IR: forward and gradients of fake quantization, and models that come back through ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.errors import Error

torch = pytest.importorskip("torch")
import lowbit.torch as qt

FORMATS = ["int<8>", "int<4>", "int<2>", "uint<8>", "uint<3>", "ternary", "binary"]


def values(shape: tuple[int, ...]) -> np.ndarray:
    """Values in range, on ties, at the bounds, and far outside."""
    x = np.random.default_rng(3).normal(0, 2, shape).astype(np.float32)
    x.flat[:10] = [0.0, -0.0, 0.125, -0.125, 0.375, -0.375, 1e30, -1e30, np.inf, -np.inf]
    return x


def in_the_ir(
    folder: Path, format: str, axis: int | None, estimator: str, x: np.ndarray, scale: np.ndarray, dy: np.ndarray
) -> dict[str, np.ndarray]:
    """fake_quant and its gradients as compiled functions have them."""
    block = "" if axis is None else f", block = [{', '.join('1' if i == axis else '0' for i in range(x.ndim))}]"
    kind = f"tensor<{'x'.join(map(str, x.shape))}xf32>"
    shape = "" if axis is None else "x".join(str(n) if i == axis else "1" for i, n in enumerate(x.shape)) + "x"
    scales = f"tensor<{shape}f32>"
    (folder / "f.mlir").write_text(f"""
func.func @main(%x: {kind} {{lowbit.name = "x"}}, %s: {scales} {{lowbit.name = "s"}}, %dy: {kind} {{lowbit.name = "dy"}})
    -> ({kind} {{lowbit.name = "y"}}, {kind} {{lowbit.name = "dx"}}, {scales} {{lowbit.name = "ds"}}) {{
  %y = lowbit.fake_quant %x, %s <#lowbit.{format}{block}> : ({kind}, {scales}) -> {kind} by #lowbit.{estimator}
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %dy <#lowbit.{format}{block}> : ({kind}, {scales}, {kind}) -> ({kind}, {scales}) by #lowbit.{estimator}
  return %y, %dx, %ds : {kind}, {kind}, {scales}
}}""")
    wide = scale if axis is None else scale.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return lowbit.load(folder / "f.mlir").compile("host")(x=x, s=wide, dy=dy)


@pytest.mark.parametrize("estimator", ["ste", "lsq", "pact", "identity", "approx_sign"])
@pytest.mark.parametrize("axis", [None, 0, 2])
@pytest.mark.parametrize("format", FORMATS)
def test_fake_quantization_is_that_of_the_ir(tmp_path: Path, format: str, axis: int | None, estimator: str) -> None:
    """Forward and the input's gradient to the bit; scales' gradients are sums, whose order is each side's own."""
    if estimator == "approx_sign" and format != "binary":
        pytest.skip("it is the slope of a sign")
    x = values((4, 6, 5))
    dy = np.random.default_rng(4).standard_normal(x.shape).astype(np.float32)
    scale = np.float32(0.25) if axis is None else np.linspace(-0.5, 0.75, x.shape[axis]).astype(np.float32)
    wanted = in_the_ir(tmp_path, format, axis, estimator, x, np.asarray(scale), dy)
    tx, ts = torch.tensor(x, requires_grad=True), torch.tensor(scale, requires_grad=True)
    y = qt.fake_quantize(tx, ts, format, axis=axis, estimator=estimator)
    (y * torch.tensor(dy)).sum().backward()
    assert y.detach().numpy().tobytes() == wanted["y"].tobytes()
    np.testing.assert_array_equal(tx.grad.numpy(), wanted["dx"])
    if np.isfinite(wanted["ds"]).all():
        np.testing.assert_allclose(ts.grad.numpy().reshape(wanted["ds"].shape), wanted["ds"], rtol=2e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(np.isfinite(ts.grad.numpy().reshape(wanted["ds"].shape)), np.isfinite(wanted["ds"]))


def test_nan_becomes_the_smallest() -> None:
    x = torch.tensor([float("nan"), 1.0])
    for format in FORMATS:
        smallest = qt.Format.parse(format).smallest
        assert qt.fake_quantize(x, torch.tensor(1.0), format)[0] == smallest


def build_net() -> torch.nn.Module:
    torch.manual_seed(5)
    return torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.ReLU(), torch.nn.Linear(16, 6))


def test_layers_train_and_replace_what_was_there() -> None:
    net = qt.quantize_layers(build_net(), weight="int<2>", activation="int<4>")
    assert [type(layer).__name__ for layer in net] == ["QuantizedLayer", "ReLU", "QuantizedLayer"]
    x, labels = torch.randn(32, 12), torch.randint(0, 6, (32,))
    net(x)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert len(np.unique((net[0].weight(net[0].layer.weight) / net[0].weight.scale[:, None]).detach().round().numpy())) <= 4


def test_a_shared_layer_stays_shared() -> None:
    layer = torch.nn.Linear(4, 4)
    net = qt.quantize_layers(torch.nn.Sequential(layer, torch.nn.ReLU(), layer))
    assert net[0] is net[2]


def export(net: torch.nn.Module, x: torch.Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (x,), str(path), dynamo=False, opset_version=17, input_names=["x"], output_names=["y"])


def test_eight_bits_come_back_through_onnx(tmp_path: Path) -> None:
    """QuantizeLinear and DequantizeLinear arrive as codes; the results are the same but for the order of sums."""
    pytest.importorskip("torch_mlir")
    net, x = build_net(), torch.randn(8, 12, generator=torch.Generator().manual_seed(6))
    qt.quantize_layers(net)
    net(x)
    export(net.eval(), x, tmp_path / "q.onnx")
    model = lowbit.load(tmp_path / "q.onnx")
    text = str(model)
    assert text.count("lowbit.quantize") + text.count("lowbit.fake_quant") >= 2
    assert "#lowbit.int<8>, block = [1, 0]" in text or "#lowbit.int<8>, block = [0, 1]" in text
    np.testing.assert_allclose(model.compile()(x=x.numpy())["y"], net(x).detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("target", ["reference", "host"])
def test_a_rounding_comes_back_to_the_bit(tmp_path: Path, target: str) -> None:
    pytest.importorskip("torch_mlir")
    x = torch.tensor(values((4, 6)))
    one = qt.FakeQuantize("uint<8>")
    one.start(x.abs().clamp_max(4.0))
    export(one.eval(), x, tmp_path / "f.onnx")
    assert lowbit.load(tmp_path / "f.onnx").compile(target)(x=x.numpy())["y"].tobytes() == one(x).detach().numpy().tobytes()


REFUSED = {
    "format": (lambda: qt.Format.parse("int<17>"), "there is no format `int<17>` for PyTorch; expected int<1> to int<16>"),
    "float": (lambda: qt.Format.parse("f4E2M1FN"), "there is no format `f4E2M1FN`"),
    "estimator": (lambda: qt.fake_quantize(torch.ones(3), torch.tensor(1.0), "int<4>", estimator="soft"), "there is no estimator `soft`"),
    "fit": (lambda: qt.fake_quantize(torch.ones(3), torch.tensor(1.0), "int<1>"), "estimator `lsq` does not fit int<1>"),
    "type": (lambda: qt.fake_quantize(torch.ones(3).double(), torch.tensor(1.0), "int<4>"), "x is of torch.float64"),
    "axis": (lambda: qt.fake_quantize(torch.ones(3), torch.ones(3), "int<4>", axis=1), "axis is 1 and x has 1 axes"),
    "scales": (lambda: qt.fake_quantize(torch.ones(3), torch.ones(2), "int<4>", axis=0), r"scale has shape \[2\]; expected \[3\]"),
    "start": (lambda: qt.FakeQuantize()(torch.tensor([float("nan")])), "scales cannot start from values that are not finite"),
    "channels": (lambda: qt.FakeQuantize(axis=0, channels=2)(torch.ones(3, 4)), "there are 2 scales for"),
    "layer": (lambda: qt.QuantizedLayer(torch.nn.ReLU(), "int<4>", None), "ReLU is no layer with a weight"),
    "nothing": (lambda: qt.quantize_layers(torch.nn.Sequential(torch.nn.ReLU())), "Sequential has no layer to quantize"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(Error, match=message):
        call()


def test_formats_that_onnx_has_no_type_for(tmp_path: Path) -> None:
    net, x = qt.quantize_layers(build_net(), weight="int<4>"), torch.randn(2, 12)
    net(x)
    with pytest.raises(Exception, match="int<4> has no type in ONNX's QuantizeLinear"):
        export(net, x, tmp_path / "q.onnx")
