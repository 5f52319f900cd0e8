"""From the TensorFlow.js graph of SSDLite-MobileNetV2 to the .onnx we ship. Same input, same bytes out."""
