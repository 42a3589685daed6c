"""Test that the reference page of config keys matches the schema."""

from workplace import REPOSITORY

from synthdiv.config.loading import read_schema
from synthdiv.config.reference_docs import write_page


def test_the_page_is_up_to_date():
    assert (REPOSITORY / "config" / "README.md").read_text() == write_page(), "run `make config-docs`"


def test_every_key_is_described_and_every_level_rejects_unknown_keys():
    def walk(part, where):
        for key, below in part.get("properties", {}).items():
            assert below.get("description") or "$ref" in below, f"{where}.{key} has no description"
            walk(below, f"{where}.{key}")
        if part.get("type") == "object" and "properties" in part:
            assert part.get("additionalProperties") is False, f"{where} admits unknown keys"
        if isinstance(part.get("additionalProperties"), dict):
            walk(part["additionalProperties"], f"{where}.<name>")

    walk(read_schema(), "config")
