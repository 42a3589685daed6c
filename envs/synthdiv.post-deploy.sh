#!/usr/bin/env bash
# Installs the locked packages, and this repository's own as it lies there, into the environment that is active.
# The Snakefile says in SYNTHDIV_REPOSITORY where the repository is.
set -euo pipefail
python -m pip install --no-cache-dir --require-hashes --requirement "$SYNTHDIV_REPOSITORY/envs/requirements.txt"
python -m pip install --no-deps --no-build-isolation --editable "$SYNTHDIV_REPOSITORY"
