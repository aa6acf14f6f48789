"""A torch module to one ONNX file, in the process and on the machine of whoever owns it."""
