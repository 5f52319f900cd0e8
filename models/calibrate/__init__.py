"""A density head fitted to one camera: frames chosen, heads marked, fitted, measured. See docs/calibrate.md."""
