"""List the classes whose synset description may generate something else, and why: `make imagenet-prompts`.

Each finding is about one lemma and uses only the class table and WordNet:

- ``shared name``: another class has the lemma too;
- ``other sense``: the lemma's most frequent sense in WordNet is another synset (not counted between two animals, two plants,
  or one of them and a dish, which are mostly the same species);
- ``repeated synonyms``: another lemma of the class is nearly the same word.

A person reads the table and words the overrides (disamb.csv).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

from wordnet import Nouns

FOLDER = Path(__file__).parents[1]
SAME = ({"animal", "food"}, {"plant", "food"})
ALIKE = 0.8
"""Smallest difflib ratio at which two lemmas are nearly the same word."""


def find_shared(classes: list[dict[str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield lemmas that several classes have."""
    owners: dict[str, list[dict[str, str]]] = {}
    for row in classes:
        for lemma in row["lemmas"].split(", "):
            owners.setdefault(lemma.lower(), []).append(row)
    for lemma, rows in owners.items():
        for row in rows if len(rows) > 1 else []:
            others = ", ".join(f"{other['key']} ({other['definition']})" for other in rows if other is not row)
            yield row["key"], "shared name", lemma, f"also names {others}"


def find_other_senses(classes: list[dict[str, str]], nouns: Nouns) -> Iterator[tuple[str, str, str, str]]:
    """Yield lemmas whose most frequent sense is something else."""
    for row in classes:
        own = nouns.synset(row["key"].removeprefix("n"))
        for lemma in own.lemmas:
            senses = nouns.senses(lemma)
            first = nouns.synset(senses[0])
            if first != own and not any({own.category, first.category} <= same for same in SAME):
                detail = f"sense {senses.index(own.offset) + 1} of {len(senses)}; the first is: {first.definition}"
                yield row["key"], "other sense", lemma, detail


def find_repeated(classes: list[dict[str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Yield lemmas of a class that are nearly the same word."""
    for row in classes:
        for one, other in combinations(row["lemmas"].split(", "), 2):
            if SequenceMatcher(None, one.lower(), other.lower()).ratio() >= ALIKE:
                yield row["key"], "repeated synonyms", other, f"nearly {one!r}"


def main() -> None:
    """Write candidates.csv."""
    with open(FOLDER / "classes.csv", newline="", encoding="utf-8") as file:
        classes = list(csv.DictReader(file))
    found = [*find_shared(classes), *find_other_senses(classes, Nouns()), *find_repeated(classes)]
    with open(FOLDER / "candidates.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["key", "finding", "lemma", "detail"])
        table.writerows(sorted(found, key=lambda row: row[0]))


if __name__ == "__main__":
    main()
