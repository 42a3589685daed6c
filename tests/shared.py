"""What is slow to make is made once a test session, whichever of its processes needs it first."""

import os
import traceback

import pytest
from filelock import FileLock


def make_once(tmp_path_factory, name, make):
    """Let ``make`` fill a folder, unless another process of this test session has; gives the folder.

    Processes that come meanwhile wait. Where it failed, it fails in each of them, and is not tried again.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # whose own folder lies in the session's
        root = root.parent
    folder, done, failed = (root / f"{name}{ending}" for ending in ("", ".done", ".failed"))
    with FileLock(root / f"{name}.lock"):
        if failed.exists():
            pytest.fail(f"{name} could not be made, in this process or another:\n{failed.read_text()}", pytrace=False)
        if not done.exists():
            assert not folder.exists(), f"{folder} was left half made by a process that died"
            folder.mkdir()
            try:
                make(folder)
            except BaseException:
                failed.write_text(traceback.format_exc())
                raise
            done.touch()
    return folder
