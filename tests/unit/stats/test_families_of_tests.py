"""Comparisons in families: Simes' and Benjamini and Bogomolov's procedures by hand, and their false discovery rate."""

import numpy as np
import pytest
from scipy import stats

from synthdiv.stats.families import adjust_families


def test_by_hand():
    """Of three families with tests, one is selected, so that its members are corrected three-fold."""
    families = [np.array([0.001, 0.01, 0.9]), np.array([0.3, 0.6]), np.array([0.2, np.nan]), np.array([np.nan])]
    found = adjust_families(families)
    assert found.p_values[:3] == pytest.approx([0.003, 0.6, 0.2])
    assert found.adjusted[:3] == pytest.approx([0.009, 0.6, 0.3])
    assert np.isnan([found.p_values[3], found.adjusted[3]]).all()
    assert found.members[0] == pytest.approx([0.009, 0.045, 1.0])
    assert found.members[1] == pytest.approx([1.0, 1.0])
    assert np.isnan(found.members[2][1])


def test_no_member_of_an_unselected_family_is_found():
    families = [np.array([0.04, 0.9]), np.array([1e-6, 1e-6])]
    found = adjust_families(families)
    assert found.adjusted[0] > 0.05
    assert (found.members[0] > 0.05).all()
    assert (found.members[1] < 0.05).all()


def test_the_false_discovery_rate_within_selected_families():
    """Half of the families have effects in half of their members."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        z = rng.normal(size=(20, 10))
        z[:10, :5] += 3
        found = adjust_families(list(stats.norm.sf(z)))
        per_family = [
            (members[5 if n < 10 else 0 :] < 0.05).sum() / max(1, (members < 0.05).sum())
            for n, members in enumerate(found.members)
            if found.adjusted[n] < 0.05
        ]
        shares.append(np.mean(per_family) if per_family else 0.0)
    assert np.mean(shares) < 0.05
