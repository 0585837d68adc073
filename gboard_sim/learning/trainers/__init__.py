"""What runs the model: onnxruntime on the exported graphs, or torch."""
