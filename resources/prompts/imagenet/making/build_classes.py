"""Write ImageNet's class table and that of ImageNet-100 anew: `make imagenet-prompts`.

The classes in their order, their lemmas and their definitions are timm's packaged tables; hypernyms are WordNet's. The wnid
is the synset's own offset in WordNet 3.0, so that no sense is looked up by its name; where timm's lemmas or definition are
not those of that synset, the script stops. ImageNet-100's classes are those of imagenet100.txt, in ImageNet's order.
"""

from __future__ import annotations

import csv
from pathlib import Path

import timm
from wordnet import Nouns

TABLES = Path(timm.__file__).parent / "data" / "_info"
FOLDER = Path(__file__).parents[1]
COLUMNS = ["class_id", "key", "name", "lemmas", "definition", "hypernym"]


def read_pairs(name: str) -> dict[str, str]:
    """One of timm's tables of a wnid and a text."""
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def write_classes(name: str, rows: list[list[str]]) -> None:
    """A class table of these keys and texts, numbered from 0."""
    with open(FOLDER / name, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([class_id, *row] for class_id, row in enumerate(rows))


def main() -> None:
    """Write classes.csv and imagenet100.csv."""
    nouns = Nouns()
    lemmas, definitions = read_pairs("imagenet_synset_to_lemma.txt"), read_pairs("imagenet_synset_to_definition.txt")
    rows = []
    for wnid in (TABLES / "imagenet_synsets.txt").read_text().split():
        synset = nouns.synset(wnid.removeprefix("n"))
        if (lemmas[wnid], definitions[wnid]) != (", ".join(synset.lemmas), synset.definition):
            raise SystemExit(f"{wnid}: timm's tables do not agree with WordNet 3.0: {lemmas[wnid]!r}, {synset.lemmas}")
        hypernym = nouns.synset(synset.hypernyms[0]).lemmas[0]
        rows.append([wnid, synset.lemmas[0], lemmas[wnid], synset.definition, hypernym])
    chosen = set(Path(__file__).with_name("imagenet100.txt").read_text().split())
    write_classes("classes.csv", rows)
    write_classes("imagenet100.csv", [row for row in rows if row[0] in chosen])


if __name__ == "__main__":
    main()
