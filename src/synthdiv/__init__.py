"""synthdiv: why a synthetic training set falls short of a natural one.

The library behind the workflow's scripts. It never sees Snakemake: files and plain values come in, files and plain values
go out. Its packages are layers, in the order of the data; a package imports only those that come before it (pyproject.toml
has the order).
"""
