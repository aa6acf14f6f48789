"""Engines that run the canonical model; the only home of onnxruntime.

Both variables are read when the libraries first work, so they stand here, before any import:
the wheels of onnxruntime report home unless told not to, and MKL's sums depend on the number of
threads unless it is held to one order (strict conditional numerical reproducibility).
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["MKL_CBWR"] = "AUTO,STRICT"
