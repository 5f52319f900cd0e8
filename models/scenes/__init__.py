"""CCTV-like footage with exact ground truth, made from committed seeds and scripts (docs/scenes.md)."""
