"""Start the command line with ``python -m synthdiv.cli``."""

from synthdiv.cli.main import app

app(prog_name="synthdiv")
