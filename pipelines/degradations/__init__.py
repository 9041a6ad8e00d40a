"""Degradations as batched tensor code: (image, level, seed) -> degraded image."""
