"""Train a classifier on a set, or resume an interrupted training run.

Inputs: indices, those of the training set's parts in order; initial, weights to start from; monitored, a set's indices;
pretrained, the recipe's pretrained weights.
Outputs: model, the weights, with a description in the file's metadata; log, one row per hundredth of the training.
"""

from pathlib import Path
from types import SimpleNamespace

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from synthdiv.classifiers.training import Training, train, train_in_process
from synthdiv.classifiers.training_set import Part
from synthdiv.core.devices import claim_devices
from synthdiv.core.errors import StudyError
from synthdiv.core.jobs import limit_threads, run_as_job, stop_job
from synthdiv.core.manifests import read_manifest
from synthdiv.plan.loading import load_study


@run_as_job
def main(smk: SimpleNamespace) -> None:
    """Train, in one process or several."""
    study, options = load_study(smk.config), smk.params.training
    # not params, since they do not affect the weights, and changed params would train again
    entry = study.config["classifiers"][smk.wildcards.classifier]
    processes = entry["processes"]
    threads = max(1, smk.threads // processes)
    limit_threads(threads)
    parts = [
        Part(
            part["set"],
            read_manifest(path),
            part["images_per_class"],
            part["weight"],
            study.find_classes(part["classes"]) if "classes" in part else None,
        )
        for part, path in zip(options["parts"], smk.input.indices, strict=True)
    ]
    with claim_devices(study.config["device"], processes) as devices:
        training = Training(
            # the whole recipe, since the monitored set needs its evaluation settings
            recipe=study.recipes[smk.wildcards.classifier],
            class_keys=[row.key for row in study.classes],
            class_names=[row.name for row in study.classes],
            parts=parts,
            seed=int(smk.wildcards.seed),
            study_seed=study.seed,
            exclude_flags=options["exclude_flags"],
            initial=next(iter(smk.input.initial), None),
            monitored=[path for manifest in smk.input.monitored for path in read_manifest(manifest)],
            model=smk.output.model,
            log=smk.output.log,
            checkpoint=str(Path(smk.output.model).with_name("checkpoint.pt")),
            checkpoint_minutes=entry["checkpoint_minutes"],
            devices=devices,
            workers=0 if smk.threads == 1 else threads,
        )
        launch(training, processes)


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
