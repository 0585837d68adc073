"""The keyboard as a static page: the exported graphs in a browser, by onnxruntime-web."""
