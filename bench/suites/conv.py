"""Convolutions of ResNet-50, one image: u8 codes to u8 codes with s8 weights and a scale a channel."""

from __future__ import annotations

from functools import partial

from bench.compare import Options, compare
from bench.convolution import resnet50
from bench.ours import convolution as ours
from bench.peers import onednn, openvino
from bench.report import Report

TITLE = "conv: ResNet-50's convolutions, one image, u8 x s8 to u8"


def run(report: Report, options: Options) -> None:
    """All shapes; `count` says how often the network has one."""
    for case in resnet50():
        makers = {
            "lowbit": partial(ours.convolution, case),
            "onednn": partial(onednn.convolution, case),
            "openvino": partial(openvino.convolution, case),
        }
        fields = {"conv": case.name, "count": case.count}
        compare(report, options, fields, "u8 x s8 -> u8", makers, case.operations, "vpdpbusd", case.weight_bytes, check=case.check)
