"""Training on handwritten digits, two seeds of it: what the deployed models get right, and what a teacher and averages do."""

from __future__ import annotations

from pathlib import Path

import digits
import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.qat.average import Average
from lowbit.qat.schedule import get_rate
from qat_digits import SCHEMES, Net, Scheme, accuracy, fit, get_rows, train_mlp

SEEDS = (0, 1)
# Means of two seeds lie within a point of those of ten (docs/training.md), and so of what those must reach.
TOLERANCE = 1.0
MLP = [each for each in SCHEMES if each.net == "MLP"]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Net]:
    return {seed: train_mlp(tmp_path_factory.mktemp("float"), seed, get_rows()) for seed in SEEDS}


@pytest.mark.parametrize("scheme", MLP[1:], ids=lambda each: each.name)
def test_accuracy(scheme: Scheme, nets: dict[int, Net], tmp_path: Path) -> None:
    found = [accuracy(fit(scheme, nets[seed], get_rows(), seed, tmp_path).module, nets[seed], get_rows()) for seed in SEEDS]
    assert np.mean(found) >= scheme.required - TOLERANCE, found


def test_steps_from_more_bits_to_fewer(nets: dict[int, Net], tmp_path: Path) -> None:
    """Weights and biases go on from where the training at four bits left them; scales are found anew."""
    four = Scheme("W4A4", "MLP", "int<4>", "uint<4>", 0)
    wide = fit(four, nets[0], get_rows(), 0, tmp_path, epochs=1).parameters
    start = {name: value for name, value in wide.items() if not name.endswith("_scale")}
    trained = fit(MLP[1], nets[0], get_rows(), 0, tmp_path, epochs=0, start=start)
    assert all(np.array_equal(trained.parameters[name], value) for name, value in start.items())
    assert not np.array_equal(trained.parameters["fc0.weight_scale"], wide["fc0.weight_scale"])
    for wrong, message in (
        ({"fc9.weight": np.zeros(2)}, "no parameter `fc9.weight`"),
        ({"fc0.bias": np.zeros(2)}, "expected finite values of shape"),
    ):
        with pytest.raises(lowbit.Error, match=message):
            fit(MLP[1], nets[0], get_rows(), 0, tmp_path, epochs=0, start=wrong)


def test_the_same_seed_gives_the_same_bits(nets: dict[int, Net], tmp_path: Path) -> None:
    runs = [fit(MLP[1], nets[0], get_rows(), 0, tmp_path, epochs=2, average=0.9).parameters for _ in range(2)]
    assert all(np.array_equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_a_teacher_without_labels_is_followed(nets: dict[int, Net], tmp_path: Path) -> None:
    """A float student of another seed, which sees wrong labels: it says what the teacher says, not what they do."""
    rows = get_rows()
    data = {"x": rows.x, "labels": (rows.y + 1) % 10}
    student = nets[1].load(tmp_path, True)
    terms = ["result=divergence<temperature = 2.0>*1.0", "fc?=squared_error*0.01"]
    trained = qat.fit(student, data, None, teacher=nets[0].model, terms=terms, labels=0.0, epochs=20, rate=3e-3, progress=False)
    assert accuracy(trained.module, nets[1], rows) > 95
    assert trained.history[-1].loss < trained.history[0].loss / 2


def test_the_loss_with_a_teacher_is_the_weighted_sum(nets: dict[int, Net]) -> None:
    """The first step's loss, beside numpy."""
    rows = get_rows()
    data = {"x": rows.x[:64], "labels": rows.y[:64]}
    terms = ["result=divergence<temperature = 2.0>*0.5", "result=squared_error*0.25"]
    found = qat.fit(nets[1].model, data, None, teacher=nets[0].model, terms=terms, labels=0.75, epochs=1, rate=1e-6, progress=False)
    scores, taught = (net.model.compile()(x=data["x"])["y"].astype(np.float64).copy() for net in (nets[1], nets[0]))

    def logs(values: np.ndarray) -> np.ndarray:
        shifted = values - values.max(1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))

    entropy = -logs(scores)[np.arange(64), data["labels"]].mean()
    target = logs(taught / 2)
    divergence = 4 * (np.exp(target) * (target - logs(scores / 2))).sum(1).mean()
    expected = 0.75 * entropy + 0.5 * divergence + 0.25 * ((scores - taught) ** 2).mean()
    np.testing.assert_allclose(found.history[0].loss, expected, rtol=1e-5)


def test_a_teacher_may_compute_on_codes(nets: dict[int, Net]) -> None:
    """Its constants are bytes of the file that it is read from."""
    rows = get_rows()
    data = {"x": rows.x[:64], "labels": rows.y[:64]}
    recipe = MLP[0].recipe
    teacher = nets[0].model.quantize(recipe, stats=nets[0].model.calibrate([{"x": data["x"]}], recipe=recipe, progress=False))
    settings = {"teacher": teacher, "terms": ["result=squared_error*1.0"], "labels": 0.0}
    found = qat.fit(nets[1].model, data, None, epochs=1, rate=1e-6, progress=False, **settings)
    scores, taught = (model.compile()(x=data["x"])["y"].copy() for model in (nets[1].model, teacher))
    np.testing.assert_allclose(found.history[0].loss, ((scores - taught) ** 2).mean(), rtol=1e-5)


def test_an_average_is_that_of_the_steps() -> None:
    value = np.array([1.0, -2.0], np.float32)
    average, means = Average({"p": value}, 0.5), np.array([1.0, -2.0])
    for step in range(1, 30):
        value += np.float32(0.25)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        means = decay * means + (1 - decay) * value
    np.testing.assert_allclose(average.values["p"], means, rtol=1e-6)
    assert average.values["p"].dtype == np.float32


def test_the_rate_rises_over_the_warmup() -> None:
    rates = [get_rate("constant", 2.0, step, 100, warmup=4) for step in range(6)]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"average": 1.0}, "average 1.0; expected a rate above 0, such as 0.001, and a decay from 0 to below 1"),
        ({"average": float("nan")}, "average nan"),
        ({"warmup": -1}, "warmup is -1"),
        ({"labels": 0.5}, "labels is 0.5, but there is no teacher"),
        ({"labels": -1.0}, "expected the weight of the loss beside the teacher's terms, at least 0"),
    ],
)
def test_wrong_settings(nets: dict[int, Net], settings: dict[str, float], message: str) -> None:
    rows = get_rows()
    with pytest.raises(lowbit.Error, match=message.replace("(", r"\(")):
        qat.fit(nets[0].model, {"x": rows.x, "labels": rows.y}, None, progress=False, **settings)  # type: ignore[arg-type]


def test_wrong_teachers(nets: dict[int, Net], tmp_path: Path) -> None:
    rows = get_rows()
    data = {"x": rows.x, "labels": rows.y}
    other = digits.load(tmp_path, digits.train(0), 32)
    with pytest.raises(lowbit.Error, match="the teacher reads `x` of type .tensor<32x64xf32>"):
        qat.fit(nets[0].model, data, None, teacher=other, progress=False)
    with pytest.raises(lowbit.Error, match="no site or node of both student and teacher matches `layer9`"):
        qat.fit(nets[0].model, data, None, teacher=nets[1].model, terms=["layer9=cosine*1"], progress=False)
    with pytest.raises(lowbit.Error, match="there are no `terms`"):
        qat.fit(nets[0].model, data, None, teacher=nets[1].model, terms=[], progress=False)


def test_a_wider_teacher_teaches_through_a_projection(nets: dict[int, Net], tmp_path: Path) -> None:
    """Hidden values of 64 by those of 96: a matrix between them is trained, kept in checkpoints, and not deployed."""
    rows = get_rows()
    data = {"x": rows.x, "labels": rows.y}
    student = nets[0].model
    teacher = digits.load(tmp_path, digits.train(1, (64, 96, 32, 10)), student.inputs[0].shape[0])
    settings = {"teacher": teacher, "terms": ["fc0=squared_error*1.0"], "labels": 0.0, "rate": 3e-3, "progress": False}
    trained = qat.fit(student, data, None, epochs=4, checkpoint=tmp_path / "c.npz", **settings)
    assert trained.parameters["projection.fc0"].shape == (64, 96)
    assert trained.history[-1].loss < 0.5 * trained.history[0].loss
    assert [port.name for port in trained.module.inputs] == ["x"]
    resumed = qat.fit(student, data, None, epochs=5, checkpoint=tmp_path / "c.npz", resume=True, **settings)
    assert not np.array_equal(resumed.parameters["projection.fc0"], trained.parameters["projection.fc0"])
    first = qat.fit(student, data, None, epochs=0, **settings).parameters["projection.fc0"]
    assert abs(first.std() * np.sqrt(64) - 1) < 0.05
