"""What runs on the phone: onnxruntime, numpy and sentencepiece only."""
