"""Write ImageNet's class table anew: `make imagenet-prompts`.

The classes in their order, their lemmas and their definitions are timm's packaged tables; hypernyms are WordNet's. The wnid
is the synset's own offset in WordNet 3.0, so that no sense is looked up by its name; where timm's lemmas or definition are
not those of that synset, the script stops.
"""

from __future__ import annotations

import csv
from pathlib import Path

import timm
from wordnet import Nouns

TABLES = Path(timm.__file__).parent / "data" / "_info"
FOLDER = Path(__file__).parents[1]


def read_pairs(name: str) -> dict[str, str]:
    """One of timm's tables of a wnid and a text."""
    lines = (TABLES / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def main() -> None:
    """Write classes.csv."""
    nouns = Nouns()
    lemmas, definitions = read_pairs("imagenet_synset_to_lemma.txt"), read_pairs("imagenet_synset_to_definition.txt")
    with open(FOLDER / "classes.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class_id", "key", "name", "lemmas", "definition", "hypernym"])
        for class_id, wnid in enumerate((TABLES / "imagenet_synsets.txt").read_text().split()):
            synset = nouns.synset(wnid.removeprefix("n"))
            if (lemmas[wnid], definitions[wnid]) != (", ".join(synset.lemmas), synset.definition):
                raise SystemExit(f"{wnid}: timm's tables do not agree with WordNet 3.0: {lemmas[wnid]!r}, {synset.lemmas}")
            hypernym = nouns.synset(synset.hypernyms[0]).lemmas[0]
            table.writerow([class_id, wnid, synset.lemmas[0], lemmas[wnid], synset.definition, hypernym])


if __name__ == "__main__":
    main()
