"""synthdiv: why a synthetic training set falls short of a natural one.

The library behind the workflow's scripts. It does not depend on Snakemake: its inputs and outputs are files and plain
values. Its packages are layers that follow the data flow; a package imports only from lower layers (pyproject.toml lists
them).
"""
