"""Say why the images of a class are wrong, by what its texts retrieve among natural images.

- **concept not represented**: neither the prompts nor another wording retrieve the class beyond chance;
- **ambiguity**: the prompts retrieve more images of the class that the generated images are classified as than the class's
  natural centroid does, or another wording retrieves more images of the class than the prompts do;
- **adherence**: otherwise; the texts mean the class, and the images show another one, or none in particular.

Each comparison is an exact test at 5 %, corrected for the number of texts. The kind's confidence is the share of resamples
of the images and of the retrieved images that give the same kind. The choice of the class that the images are classified as
is part of the resampling.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

KINDS = ("concept not represented", "ambiguity", "adherence")
CONFIDENT = 0.8
"""Below this confidence, the kind is not given."""
RESAMPLES = 200
LEVEL = 0.05


@dataclass(frozen=True)
class ClassCounts:
    """Counts of a class, each by the class of the image.

    Attributes
    ----------
    class_id : int
    classified : int64 array of shape (C,)
        The class's generated images, by the class that they are classified as.
    prompts, natural : int64 arrays of shape (C,)
        The natural images that the class's prompts, and its natural centroid, retrieve; both have the same sum.
    wordings : int64 array of shape (w,)
        The natural images of the class that each other wording retrieves, out of as many.
    chance : float
        The class's share of the natural images.
    """

    class_id: int
    classified: np.ndarray
    prompts: np.ndarray
    natural: np.ndarray
    wordings: np.ndarray
    chance: float


def find_predicted(class_id: int, classified: np.ndarray) -> np.ndarray:
    """Return the most frequent other class, int64 of shape (...), of counts of shape (..., C)."""
    others = classified.copy()
    others[..., class_id] = -1
    return others.argmax(axis=-1)


def find_kind(counts: ClassCounts, rng: np.random.Generator) -> tuple[str, float]:
    """Return the kind of a class's wrong images, and its confidence.

    Parameters
    ----------
    counts : ClassCounts
    rng : numpy.random.Generator
        Draws the resamples.

    Returns
    -------
    (str, float)
        One of ``KINDS``, and the share of resamples with the same kind.
    """
    total = int(counts.prompts.sum())
    resampled = ClassCounts(
        counts.class_id,
        rng.multinomial(counts.classified.sum(), counts.classified / counts.classified.sum(), RESAMPLES),
        rng.multinomial(total, counts.prompts / total, RESAMPLES),
        rng.multinomial(total, counts.natural / total, RESAMPLES),
        rng.binomial(total, counts.wordings / total, (RESAMPLES, len(counts.wordings))),
        counts.chance,
    )
    single = replace(counts, **{name: getattr(counts, name)[None] for name in ARRAYS})
    (kind,) = _list_kinds(single)
    return kind, Counter(_list_kinds(resampled))[kind] / RESAMPLES


ARRAYS = ("classified", "prompts", "natural", "wordings")


def _list_kinds(counts: ClassCounts) -> list[str]:
    """Return the kind for each row of counts of shape (r, C), or (r, w)."""
    from scipy import stats  # takes long to import, and most jobs do not need it

    own, rows = counts.class_id, np.arange(len(counts.prompts))
    total = int(counts.prompts[0].sum())
    texts = np.column_stack([counts.prompts[:, own], counts.wordings])
    chance = stats.binom.sf(texts.max(axis=1) - 1, total, counts.chance) * texts.shape[1]
    predicted = find_predicted(own, counts.classified)
    others, natural = counts.prompts[rows, predicted], counts.natural[rows, predicted]
    retrieves_other = stats.hypergeom.sf(others - 1, 2 * total, others + natural, total)
    best = texts.max(axis=1)
    better = stats.hypergeom.sf(best - 1, 2 * total, best + texts[:, 0], total) * max(1, texts.shape[1] - 1)
    ambiguous = np.minimum(retrieves_other, better) < LEVEL / 2  # two tests
    return np.select([chance >= LEVEL, ambiguous], KINDS[:2], KINDS[2]).tolist()
