"""The devices that a job claims."""

import pytest
import torch

from synthdiv.core.devices import claim_device, claim_devices
from synthdiv.core.errors import StudyError


def test_cuda_without_a_gpu_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(StudyError, match="this job sees no GPU"), claim_device("cuda"):
        pass
    with claim_device("auto") as device:
        assert device.type == "cpu"


@pytest.mark.gpu
def test_a_job_may_use_every_gpu_and_no_more():
    count = torch.cuda.device_count()
    with claim_devices("cuda", count) as devices:
        assert devices == [torch.device("cuda", n) for n in range(count)]
    with (
        pytest.raises(StudyError, match=f"needs {count + 1} GPUs, but it sees {count}:"),
        claim_devices("cuda", count + 1),
    ):
        pass
