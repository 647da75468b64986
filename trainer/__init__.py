"""Networks: data, teacher, causal student, losses, evaluation, ONNX export."""
