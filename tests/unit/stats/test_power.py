"""The smallest difference that a study finds: closed forms, and how often simulated studies find it."""

import math

import numpy as np
import pytest
from scipy import stats

from synthdiv.stats.crossed import SeedVariance, measure_effect, pool_seed_variance
from synthdiv.stats.power import Design, Noise, find_detectable, find_median_detectable, list_sufficient, measure_noise

NOISE = Noise(seeds=0.05**2, images=2 * 0.3**2, particular=0.2**2)
DESIGN = Design(sets=4, seeds=3, class_sizes=(20,) * 10)


def simulate(rng, noise, design, shift=0.0):
    """Draw the values of each training set's seeds, with normal deviations; the last set's are larger by a shift."""
    sets = []
    for _ in range(design.sets):
        of_seeds = math.sqrt(noise.seeds) * rng.normal(size=(design.seeds, 1))
        of_images = math.sqrt(noise.images / 2) * rng.normal(size=design.images)  # the difference has twice this variance
        own = math.sqrt(noise.particular) * rng.normal(size=(design.seeds, design.images))
        sets.append(of_seeds + of_images + own)
    sets[-1] += shift
    return sets


def list_class_ids(design):
    return np.repeat(np.arange(len(design.class_sizes)), design.class_sizes)


def solve_power(error, freedom, power):
    """Return the difference that Student's test finds, by bisection on its power by scipy.stats."""
    critical, low, high = stats.t.ppf(0.975, freedom), 0.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if stats.nct.sf(critical, freedom, middle) < power else (low, middle)
    return low * error


@pytest.mark.parametrize(
    ("noise", "design"),
    [
        (NOISE, DESIGN),
        (Noise(0.1**2, 0.02, 0.01), DESIGN),
        (Noise(0.0, 0.2, 0.1), DESIGN),
        (Noise(0.02**2, 0.1, 0.0), Design(2, 5, (30,) * 4)),
        (Noise(0.05**2, 0.08, 0.1), Design(7, 3, (40,))),  # one class
        (Noise(0.1**2, 0.1, 0.05), Design(2, 2, (50,) * 2)),
    ],
)
def test_the_test_of_interventions_finds_the_difference_in_80_percent_of_simulated_studies(noise, design):
    """With 1,000 studies, the share's standard error is 1.3 %; without the factor 2 of a difference, it is about 50 %."""
    rng, found, shift = np.random.default_rng(0), 0, find_detectable(noise, design)
    for _ in range(1000):
        sets = simulate(rng, noise, design, shift)
        effect = measure_effect(sets[0], sets[-1], list_class_ids(design), pool_seed_variance(sets))
        found += effect.p_value < 0.05 and effect.value > 0
    assert 750 <= found <= 850


def test_with_noise_of_seeds_alone_it_is_that_of_students_test_of_two_samples():
    """The variance is pooled over all sets."""
    error = 0.02 * math.sqrt(2 / 3)
    assert find_detectable(Noise(0.02**2, 0, 0), DESIGN) == pytest.approx(solve_power(error, 4 * 2, 0.8), rel=1e-6)
    fewer = Design(2, 3, DESIGN.class_sizes)
    assert find_detectable(Noise(0.02**2, 0, 0), fewer, 0.9) == pytest.approx(solve_power(error, 2 * 2, 0.9), rel=1e-6)


def test_with_noise_of_images_alone_it_is_that_of_students_paired_test_within_classes():
    error = math.sqrt(0.3 / 200)
    assert find_detectable(Noise(0, 0.3, 0), DESIGN) == pytest.approx(solve_power(error, 200 - 10, 0.8), rel=1e-6)


def test_what_a_seed_and_an_image_have_in_particular_counts_once():
    """Of Satterthwaite's degrees of freedom, both estimates contain it."""
    variance = 2 * 0.1 / (3 * 200)
    expected = solve_power(math.sqrt(variance), 1 / (1 / 8 + 1 / 190), 0.8)
    assert find_detectable(Noise(0, 0, 0.1), DESIGN) == pytest.approx(expected, rel=1e-6)


def test_without_noise_nothing_is_known():
    assert math.isnan(find_detectable(Noise(0, 0, 0), DESIGN))
    assert Noise(0, 0, 0).is_zero
    assert not NOISE.is_zero


@pytest.mark.parametrize("sizes", [(20,) * 10, (1,), (2,), (1, 20), (1, 1, 20), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_difference_is_found_in_just_the_designs_that_the_test_can_judge(sizes, seeds):
    design = Design(3, seeds, sizes)
    sets = simulate(np.random.default_rng(1), NOISE, design)
    effect = measure_effect(sets[0], sets[1], list_class_ids(design), pool_seed_variance(sets))
    assert math.isnan(find_detectable(NOISE, design)) == math.isnan(effect.error)


def test_the_degrees_of_freedom_of_images_are_those_of_the_test():
    """The test's are read off an effect without variance between seeds."""
    for sizes in [(20, 30), (7,), (1, 1, 20), (1, 1, 1)]:
        design = Design(2, 2, sizes)
        sets = [np.repeat(own[:1], 2, axis=0) for own in simulate(np.random.default_rng(2), NOISE, design)]
        freedom = measure_effect(*sets, list_class_ids(design), SeedVariance(0.0, 2)).freedom
        assert design.freedom_of_images == pytest.approx(freedom)


def test_the_noise_of_simulated_studies_is_measured_without_bias():
    rng, design = np.random.default_rng(3), Design(4, 3, (1, 1, 20, 30))
    found = [measure_noise(simulate(rng, NOISE, design), list_class_ids(design)) for _ in range(500)]
    for part in ("seeds", "images", "particular"):
        mean = np.mean([getattr(one, part) for one in found])
        assert mean == pytest.approx(getattr(NOISE, part), rel=0.1)  # 0 replaces few estimates of seeds


def test_measured_noise_gives_the_mean_variance_of_all_pairs():
    """The oracle is the test's own error for each pair of sets."""
    rng, values = np.random.default_rng(4), []
    sets = [own > 0 for own in simulate(rng, NOISE, DESIGN)]  # correct or not
    noise = measure_noise(sets, list_class_ids(DESIGN))
    as_numbers = [own.astype(float) for own in sets]
    for n, before in enumerate(as_numbers):
        for after in as_numbers[:n]:
            effect = measure_effect(before, after, list_class_ids(DESIGN), pool_seed_variance(as_numbers))
            values.append(effect.error**2)
    variance = 2 * noise.seeds / 3 + noise.images / 200 + 2 * noise.particular / (3 * 200)
    assert variance == pytest.approx(np.mean(values))


def test_the_median_is_over_classes_with_noise_that_can_be_judged():
    noises = [NOISE, NOISE, Noise(0, 0, 0), Noise(0.1, 0, 0), NOISE]
    designs = [Design(4, 3, (size,)) for size in (10, 20, 20, 20, 1)]
    assert find_median_detectable(noises, designs) == pytest.approx(find_detectable(NOISE, designs[0]))
    assert math.isnan(find_median_detectable(noises[2:3], designs[2:3]))
    assert math.isnan(find_median_detectable([], []))


def test_more_seeds_or_images_suffice_or_else_more_of_both():
    found = find_detectable(NOISE, DESIGN)
    seeds, images = list_sufficient(NOISE, DESIGN, 0.95 * found)
    assert (seeds.seeds, seeds.class_sizes) == (4, DESIGN.class_sizes)
    assert (images.seeds, images.class_sizes) == (3, (40,) * 10)
    (seeds,) = list_sufficient(Noise(0.1, 0, 0), DESIGN, 0.4)
    assert seeds.images == 200
    assert find_detectable(Noise(0.1, 0, 0), seeds) <= 0.4
    assert find_detectable(Noise(0.1, 0, 0), Design(4, seeds.seeds - 1, seeds.class_sizes)) > 0.4
    (both,) = list_sufficient(NOISE, DESIGN, found / 4)
    factor = both.seeds // 3
    assert both == Design(4, 3 * factor, (20 * factor,) * 10)
    assert find_detectable(NOISE, both) <= found / 4
    assert list_sufficient(NOISE, DESIGN, found / 1000) == []
