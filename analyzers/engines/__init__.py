"""Engines that run the canonical model; the only home of onnxruntime.

The wheels of onnxruntime report home unless this variable stands before the library loads.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
