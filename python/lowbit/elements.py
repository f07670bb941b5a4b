"""Names of element types that numpy has none for."""

from __future__ import annotations

import numpy as np

# Element types numpy has no name for, and what ml_dtypes calls them.
_ML_DTYPES = {
    "bf16": "bfloat16",
    "f8E3M4": "float8_e3m4",
    "f8E4M3": "float8_e4m3",
    "f8E4M3B11FNUZ": "float8_e4m3b11fnuz",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E5M2": "float8_e5m2",
    "f8E5M2FNUZ": "float8_e5m2fnuz",
    "f8E8M0FNU": "float8_e8m0fnu",
    "f6E2M3FN": "float6_e2m3fn",
    "f6E3M2FN": "float6_e3m2fn",
    "f4E2M1FN": "float4_e2m1fn",
}


def view_named(type_name: str, array: np.ndarray) -> np.ndarray:
    """`array` as elements of the compiler's type, where numpy knows it or ml_dtypes is installed; else its bits."""
    name = _ML_DTYPES.get(type_name)
    if name is None:
        return array
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        return array
    return array.view(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else array
