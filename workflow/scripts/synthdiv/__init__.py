"""synthdiv: why a synthetic training set falls short of a natural one.

The library behind the workflow's scripts. It never sees Snakemake: files and plain values come in, files and plain values
go out. Modules in the order of the data:

========================  ==================================================================================
``study``                 a checked config: datasets, sets, experiments, shards and who owns which image
``classes, prompts``      class tables, and the prompts of a dataset (with ``grammar`` for unique prompts)
``identity``              what an image is a function of, its seed, and the digests that name it
``archive``               blocks of images as tar files, written whole or not at all
``generator``             a diffusers text-to-image pipeline: fingerprint, load, draw
``drawing``               a shard of a dataset: find, copy or draw its blocks, and write its index
``natural``               folders, tars, Parquet and IDX files of natural images, as an index
``image_index``           the index table: a row an image, wherever it came from
``encoder``               an open_clip model: embed images and prompts
``embeddings``            the embedding table, and the tables that users bring
``centroids, neighbours`` class centroids, Centroid Distance; exact nearest neighbours and their vote
``experiments``           one reference x query experiment, and the tables made from all of them
``features, transfer``    what a classifier's features are like, and what they are worth on other sets
``figures``               contact sheets, heat map, bars
========================  ==================================================================================
"""
