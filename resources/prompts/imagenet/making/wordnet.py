"""Read WordNet 3.0's nouns from its database files (in Debian's wordnet-base: /usr/share/wordnet)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/usr/share/wordnet")
CATEGORIES = {5: "animal", 6: "artifact", 13: "food", 18: "person", 20: "plant"}
"""The relevant lexicographer files, by number (lexnames(5WN))."""


@dataclass(frozen=True)
class Synset:
    """A synset: the words with one meaning."""

    offset: str
    category: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    definition: str


class Nouns:
    """The nouns of WordNet.

    Parameters
    ----------
    folder : Path
        Folder with data.noun and index.noun (wndb(5WN)).
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._synsets = {line[:8]: line for line in self._read(folder / "data.noun")}
        self._index = {line.split(" ", 1)[0]: line.split() for line in self._read(folder / "index.noun")}

    @staticmethod
    def _read(path: Path) -> list[str]:
        """Read the lines after the licence, which is indented."""
        return [line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("  ")]

    def synset(self, offset: str) -> Synset:
        """Return the synset at an offset: for ImageNet, the eight digits of the wnid."""
        header, _, gloss = self._synsets[offset].partition(" | ")
        fields = header.split()
        n_words = int(fields[3], 16)
        pointers = fields[5 + 2 * n_words :]
        return Synset(
            offset,
            CATEGORIES.get(int(fields[1]), "other"),
            tuple(word.replace("_", " ") for word in fields[4 : 4 + 2 * n_words : 2]),
            tuple(pointers[n + 1] for n in range(0, len(pointers), 4) if pointers[n] == "@"),
            gloss.split('; "')[0].strip(),
        )

    def senses(self, lemma: str) -> list[str]:
        """Return the offsets of a lemma's synsets, the most frequent first."""
        fields = self._index[lemma.lower().replace(" ", "_")]
        return fields[-int(fields[2]) :]
