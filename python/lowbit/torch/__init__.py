"""Lowbit's fake quantization for PyTorch: the same forward bits and the same gradients as `lowbit.fake_quant`.

    from lowbit.torch import quantize_layers
    quantize_layers(net, weight="int<4>", activation="uint<8>")     # in place; then train as before

Needs torch, which Lowbit itself does not.
"""

from lowbit.torch.formats import Format
from lowbit.torch.functions import fake_quantize
from lowbit.torch.modules import FakeQuantize, QuantizedLayer, quantize_layers
from lowbit.torch.noise import Noise
from lowbit.torch.parametrizations import Parametrization

__all__ = ["FakeQuantize", "Format", "Noise", "Parametrization", "QuantizedLayer", "fake_quantize", "quantize_layers"]
