"""Say before a run that its software differs from that of the study's results, and how to compute what again.

The Snakefile imports this in every job, so it imports nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

from synthdiv.core.provenance.environments import read_last_versions
from synthdiv.core.provenance.versions import DECISIVE, read_versions
from synthdiv.plan.study import Study

EMBEDDING_RULES = "embed_images embed_prompts embed_class_texts embed_prompt_probe embed_transfer"


def describe_changes(study: Study, results: Path) -> str | None:
    """Return a warning if a decisive package has another version than in the study's last run; None otherwise.

    Raises
    ------
    StudyError
        If the record of the last run is damaged.
    """
    before = read_last_versions(results)
    now = read_versions(DECISIVE) if before else {}
    changed = {name for name in DECISIVE if before.get(name) != now.get(name)} if before else set()
    if not changed:
        return None
    changes = "; ".join(
        f"{name} was {before.get(name, 'missing')} and is {now.get(name, 'missing')}" for name in DECISIVE if name in changed
    )
    ways = "".join(f"\n  {way}" for way in _list_ways(study, results, changed))
    return (
        f"the software has changed since the last run of {study.name}: {changes}. Finished results stay as they are, so new "
        f"ones are mixed with them. To compute again with the new versions:{ways}"
    )


def _list_ways(study: Study, results: Path, changed: set[str]) -> list[str]:
    """List how to compute again those parts of a study that depend on some packages."""
    ways = []
    if study.config.generators and changed & {"torch", "diffusers"}:
        ways.append(
            "images: name another folder in the config's key archive. --forcerun generates none again, because it finds "
            f"them in {study.config.archive}; the JSON of each has the versions that generated it"
        )
    if study.config.encoders and changed & {"torch", "open_clip_torch", "timm"}:
        ways.append(f"embeddings: add --forcerun {EMBEDDING_RULES}")
    if any(entry.train for entry in study.config.classifiers.values()) and changed & {"torch", "timm"}:
        ways.append(
            f"classifiers: delete {results / 'classifiers'}, and add --forcerun train_classifier, which alone repeats no "
            "finished training run"
        )
    return ways
