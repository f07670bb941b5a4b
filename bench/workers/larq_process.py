"""The process of peers/larq.py (no module of that name may lie beside it): reads a model's sizes, then answers each request for samples with seconds. One JSON value a line."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

os.environ |= {"TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}


def build(size: int, channels: int, outputs: int, window: int) -> bytes:
    """One layer, converted."""
    import larq
    import larq_compute_engine
    import tensorflow

    given = tensorflow.keras.layers.Input((size, size, channels), batch_size=1)
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    sums = larq.layers.QuantConv2D(outputs, window, padding="same", pad_values=1.0, use_bias=False, **quantizers)(given)
    model = tensorflow.keras.Model(given, tensorflow.keras.layers.BatchNormalization(momentum=0.9)(sums))
    return larq_compute_engine.convert_keras_model(model)


def main() -> None:
    """Until the input ends."""
    requests = (json.loads(line) for line in sys.stdin)
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    model = next(requests)
    with contextlib.redirect_stderr(open(os.devnull, "w")):
        converted = build(**model)
    import numpy
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    predict = Interpreter(converted, num_threads=1).interpreter.predict
    image = [numpy.random.default_rng(1).standard_normal((1, model["size"], model["size"], model["channels"])).astype(numpy.float32)]
    predict(image)
    answer(version("larq-compute-engine"))
    for request in requests:
        seconds = []
        for _ in range(request["count"]):
            begin = time.perf_counter()
            for _ in range(request["batch"]):
                predict(image)
            seconds.append((time.perf_counter() - begin) / request["batch"])
        answer(seconds)


if __name__ == "__main__":
    main()
