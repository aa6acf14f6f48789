"""Reading and normalising ONNX: everything that needs no engine."""
