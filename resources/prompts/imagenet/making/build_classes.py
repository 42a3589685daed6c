"""Build the class tables of ImageNet and ImageNet-100: `make imagenet-prompts`.

The classes, their order, lemmas and definitions are from timm's packaged tables; hypernyms are from WordNet. The wnid is the
synset's offset in WordNet 3.0, so that no sense is looked up by name; the script stops if timm's lemmas or definition
differ from that synset's. ImageNet-100's classes are those of imagenet100.txt, in ImageNet's order.
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
    """Read one of timm's tables from wnid to text."""
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def write_classes(name: str, rows: list[list[str]]) -> None:
    """Write a class table of these keys and texts, numbered from 0."""
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
            raise SystemExit(f"{wnid}: timm's tables differ from WordNet 3.0: {lemmas[wnid]!r}, {synset.lemmas}")
        hypernym = nouns.synset(synset.hypernyms[0]).lemmas[0]
        rows.append([wnid, synset.lemmas[0], lemmas[wnid], synset.definition, hypernym])
    chosen = set(Path(__file__).with_name("imagenet100.txt").read_text().split())
    write_classes("classes.csv", rows)
    write_classes("imagenet100.csv", [row for row in rows if row[0] in chosen])


if __name__ == "__main__":
    main()
