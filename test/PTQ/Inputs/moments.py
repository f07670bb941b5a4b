"""Writes a damaged copy of a file of second moments: moments.py FROM TO WHAT."""

import sys

import numpy as np

source, target, damage = sys.argv[1:]
arrays = dict(np.load(source))
products = arrays["fc/products"]
if damage == "model":
    arrays["model"] = arrays["model"][::-1]
elif damage == "nan":
    products[0, 0] = np.nan
elif damage == "shape":
    arrays["fc/products"] = products[:, :1]
elif damage == "negative":
    arrays["fc/products"] = -products
np.savez(target.removesuffix(".npz"), **arrays)
