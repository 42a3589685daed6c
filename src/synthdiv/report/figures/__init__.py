"""The figures of a report, one module for those of a stage."""
