import numpy as np
import pytest

from synthdiv.classifiers.training.sampler import TrainingSampler, apportion


@pytest.mark.parametrize(
    ("total", "weights", "counts"),
    [(10, [1, 1], [5, 5]), (10, [1, 2], [3, 7]), (3, [1, 1, 1, 1], [1, 1, 1, 0]), (7, [5.0], [7]), (5, [0.2, 0.8], [1, 4])],
)
def test_a_number_is_divided_by_largest_remainders(total, weights, counts):
    assert apportion(total, weights) == counts


def test_an_epoch_samples_every_image_once_and_epochs_differ():
    sampler = TrainingSampler([30, 12], [30, 12], seed=5)
    epochs = [sampler.epoch(number) for number in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(42))
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], TrainingSampler([30, 12], [30, 12], seed=6).epoch(0))


def test_weights_divide_the_samples_and_no_image_repeats_before_all_are_used():
    sampler = TrainingSampler([4, 12], [1.0, 1.0], seed=0)
    first, second = sampler.epoch(0), sampler.epoch(1)
    assert np.bincount(first < 4).tolist() == [8, 8]
    assert np.bincount(first[first < 4]).tolist() == [2, 2, 2, 2]  # 8 samples of 4 images
    large = np.concatenate([first[first >= 4], second[second >= 4]])  # 16 samples of 12 images
    assert sorted(np.bincount(large - 4)) == [1] * 8 + [2] * 4


def test_the_stream_does_not_depend_on_the_processes_or_the_start():
    whole = [pair for batch in TrainingSampler([10], [10], seed=3).iterate_batches(0, 48, 12) for pair in batch]
    assert [number for number, _ in whole] == list(range(48))
    shares = [list(TrainingSampler([10], [10], seed=3).iterate_batches(0, 48, 4, first=rank, every=3)) for rank in range(3)]
    together = [pair for batches in zip(*shares, strict=True) for batch in batches for pair in batch]
    assert together == whole
    rest = [pair for batch in TrainingSampler([10], [10], seed=3).iterate_batches(24, 48, 12) for pair in batch]
    assert rest == whole[24:]
    # a batch across the end of an epoch contains the end of one order and the start of the next
    np.testing.assert_array_equal([image for _, image in whole[:10]], TrainingSampler([10], [10], seed=3).epoch(0))
    np.testing.assert_array_equal([image for _, image in whole[10:20]], TrainingSampler([10], [10], seed=3).epoch(1))
