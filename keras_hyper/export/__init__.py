"""Exports for serving: SavedModel and ONNX."""
