"""Before and after a run: the grid, calibration, cluster checks and cleanup."""
