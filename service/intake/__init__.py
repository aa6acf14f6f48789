"""Uploads on their way to the canonical ONNX file."""
