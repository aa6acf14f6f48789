"""The science of an audit: canonical ONNX and images in, measurements out."""
