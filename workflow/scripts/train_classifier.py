"""Train a classifier on a set, with one seed after another, or resume an interrupted training run.

Inputs: indices, those of the training set's parts in order; initial, manifests of the weights to start from; monitored, a
set's indices; pretrained, the recipe's pretrained weights.
Outputs: weights, the manifest of one file per seed, with a description in the file's metadata; logs, the manifest of one log
per seed, with one row per hundredth of the training.
"""

from dataclasses import replace
from pathlib import Path

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from synthdiv.classifiers.checkpoint import read_metadata
from synthdiv.classifiers.training.train import Training, train, train_in_process
from synthdiv.classifiers.training_set import Part
from synthdiv.core.devices import claim_devices
from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import Script, find_class_table, limit_threads, run_as_job, stop_job
from synthdiv.core.manifests import read_checked, read_manifest, write_manifest
from synthdiv.jobs.classifiers import TrainClassifier


@run_as_job(TrainClassifier)
def main(job: TrainClassifier, smk: Script) -> None:
    """Train with each seed, in one process or several, and list the results."""
    processes = smk.resources.processes
    threads = max(1, smk.threads // processes)
    limit_threads(threads)
    parts = [
        Part(part.set_name, read_manifest(path), part.images_per_class, part.weight, part.class_ids)
        for part, path in zip(job.parts, smk.input.indices, strict=True)
    ]
    initial = {read_metadata(path)["seed"]: path for path in read_checked(smk.input.initial)}
    with claim_devices(smk.resources.device, processes) as devices:
        trainings = [
            Training(
                recipe=job.recipe,
                class_keys=job.classes.read_keys(find_class_table(smk)),
                parts=[replace(part, sample=sample) for part in parts],
                seed=seed,
                study_seed=job.study_seed,
                exclude_flags=job.exclude_flags,
                initial=initial[seed] if initial else None,
                monitored=[path for manifest in smk.input.monitored for path in read_manifest(manifest)],
                folder=str(Path(smk.output.weights).with_name(f"seed{seed}")),
                checkpoint_minutes=smk.resources.checkpoint_seconds / 60,
                devices=devices,
                workers=0 if smk.threads == 1 else threads,
            )
            for seed, sample in zip(job.seeds, job.samples or [None] * len(job.seeds), strict=True)
        ]
        for training in trainings:
            launch(training, processes)
    write_manifest([training.model for training in trainings], smk.output.weights)
    write_manifest([training.log for training in trainings], smk.output.logs)


def launch(training: Training, processes: int) -> None:
    """Train in this process, or like torchrun in several processes, each with its own device."""
    if processes == 1:
        train(training)
        return
    # own rendezvous on a free port, so that training jobs on one machine do not interfere
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id="training",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
    )
    try:
        elastic_launch(config, train_in_process)(training)
    except SignalException as error:
        stop_job(error.sigval)
    except ChildFailedError:
        raise StudyError("a training process failed; see its error message above") from None


if __name__ == "__main__":
    main()
