"""The library for notebooks and scripts: values in, tables and figures out, without a config and without Snakemake."""
