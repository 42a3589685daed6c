"""Before a run and after it: the grid, calibration, the cluster, cleaning up."""
