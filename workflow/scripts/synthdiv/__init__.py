"""synthdiv: why a synthetic training set falls short of a natural one.

The library behind the workflow's scripts. It never sees Snakemake: files and plain values come in, files and plain values
go out. MAINTAINING.md has its modules in the order of the data.
"""
