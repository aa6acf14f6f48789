"""Engines that run the canonical model; the only home of onnxruntime.

These variables are read when the libraries load, so they stand here, before any import. The wheels
of onnxruntime report home unless told not to. MKL's sums depend on the number of threads unless it
is held to one order (strict conditional numerical reproducibility). OpenMP's threads spin at every
barrier unless told to sleep, which on a busy machine costs ten times the work itself.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["MKL_CBWR"] = "AUTO,STRICT"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
