"""The next-word model: sizes, definition, first parameters, and its ONNX graphs."""
