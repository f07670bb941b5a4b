"""Training with quantization in the forward pass: `lowbit.qat.fit(model, data, recipe)`.

The loss, its gradients and the optimizer's update are one compiled function (docs/training.md); Python only feeds it. What was trained is
what runs: the model that comes back computes on codes, and equals the trained one.
"""

from lowbit.qat.fit import Trained, fit
from lowbit.qat.loop import Epoch
from lowbit.qat.prepare import Plan, prepare
from lowbit.qat.reconstruct import Block, Reconstructed, reconstruct

__all__ = ["Block", "Epoch", "Plan", "Reconstructed", "Trained", "fit", "prepare", "reconstruct"]
