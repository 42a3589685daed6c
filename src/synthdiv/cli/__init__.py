"""The command line: what a person asks before and after a study. Snakemake stays how work is run.

A command is a short function in a module of its own: it reads its arguments, calls the library and prints. It imports what
it needs when it runs, so that ``synthdiv --help`` answers at once.
"""
