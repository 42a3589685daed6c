"""Make slow fixtures once per test session, in whichever process needs them first."""

import os
import traceback

import pytest
from filelock import FileLock


def make_once(tmp_path_factory, name, make):
    """Let ``make`` fill a folder, unless another process of this test session has; return the folder.

    Other processes wait meanwhile. If ``make`` fails, the fixture fails in all processes, without a second attempt.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # a worker's own folder is in the session's
        root = root.parent
    folder, done, failed = (root / f"{name}{ending}" for ending in ("", ".done", ".failed"))
    with FileLock(root / f"{name}.lock"):
        if failed.exists():
            pytest.fail(f"{name} could not be made, in this process or another:\n{failed.read_text()}", pytrace=False)
        if not done.exists():
            assert not folder.exists(), f"{folder} was left incomplete by a process that died"
            folder.mkdir()
            try:
                make(folder)
            except BaseException:
                failed.write_text(traceback.format_exc())
                raise
            done.touch()
    return folder
