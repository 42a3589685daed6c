"""A generator's fingerprint is read only if it is the one that was written."""

import re

import pytest
from standin import FINGERPRINT

from synthdiv.core.errors import StudyError
from synthdiv.core.files import write_json
from synthdiv.core.fingerprints import make_digest
from synthdiv.generation.fingerprint import read_fingerprint

IDENTITY = {"pipeline": "Standin", "weights": "0f" * 32, "scheduler_config": {"beta_end": 0.012, "steps_offset": 1}}
REST = {"model": "a/b", "guidance": "classifier-free", "trial": {"changes": {"steps": 1.5}}}
WRITTEN = IDENTITY | REST | {"digest": make_digest(IDENTITY)}


@pytest.mark.parametrize("fingerprint", [WRITTEN, FINGERPRINT], ids=["with a trial", "of the stand-in"])
def test_an_intact_fingerprint_is_read(tmp_path, fingerprint):
    write_json(fingerprint, tmp_path / "gen.json")
    assert read_fingerprint(tmp_path / "gen.json") == fingerprint


DAMAGES = {
    "a digit of the weights": (b'"0f0f', b'"1f0f'),
    "a digit of the digest": (make_digest(IDENTITY)[:8].encode(), make_digest(IDENTITY)[:7].encode() + b"-"),
    "a setting": (b"0.012", b"0.013"),
    "the key of the digest": (b'"digest"', b'"dicest"'),
    "another key": (b'"guidance"', b'"guidancd"'),
    "the guidance": (b"classifier-free", b"blassifier-free"),
    "the model": (b"a/b", b"a/c"),
    "a number of the trial": (b"1.5", b"1.4"),
    "the key of the checksum": (b'"checksum"', b'"checksuo"'),
    "invalid JSON": (b"{", b"["),
    "invalid UTF-8": (b"Standin", b"\xd3tandin"),
    "a lone surrogate": (b"Standin", rb"\udc00"),
}


@pytest.mark.parametrize(("before", "after"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_fingerprint_is_refused(tmp_path, before, after):
    path = tmp_path / "gen.json"
    write_json(WRITTEN, path)
    content = path.read_bytes()
    path.write_bytes(content.replace(before, after, 1))
    assert path.read_bytes() != content
    message = f"^the generator's fingerprint {re.escape(str(path))} is damaged: delete it and run the study again$"
    with pytest.raises(StudyError, match=message):
        read_fingerprint(path)
