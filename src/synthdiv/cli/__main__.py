"""Start the command line with ``python -m synthdiv.cli``."""

from synthdiv.cli.main import app

if __name__ == "__main__":
    app(prog_name="synthdiv")
