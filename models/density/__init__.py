"""A map of people per cell from a detector's own features: sampling, training, assembly. See docs/density.md."""
