"""Measure the speed of the study's models on this device, for target grid, and propose a batch size.

Inputs: none; the config's generators, encoders and classifiers.
Outputs: calibration, a JSON file.
"""

import platform
from typing import Any

import torch

from synthdiv.core.devices import claim_device
from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, announce, run_as_command
from synthdiv.operations.calibration import measure_classifier, measure_encoder, measure_generator
from synthdiv.plan.loading import load_study


@run_as_command
def main(smk: Script) -> None:
    """Measure each model, report its speed, and write all results."""
    study = load_study(smk.config)
    with claim_device(study.config.device) as device:
        device_name = (
            torch.cuda.get_device_name(device) if device.type == "cuda" else f"{smk.threads} cores of {platform.machine()}"
        )
        calibration: dict[str, Any] = {"device": device_name, "torch": torch.__version__}
        calibration |= {"generators": {}, "encoders": {}, "classifiers": {}}
        for generator, spec in study.config.generators.items():
            calibration["generators"][generator] = found = measure_generator(spec.to_dict(), device)
            proposed = f"; proposed batch_size: {found['proposed_batch_size']}" if "proposed_batch_size" in found else ""
            proposed += f"; {spec.batch_size} does not fit" if found["batch_size"] != spec.batch_size else ""
            announce(
                f"generator {generator}: {found['images_per_s']} images/s at batch size {found['batch_size']}{proposed}"
            )
        for name, encoder in study.config.encoders.items():
            calibration["encoders"][name] = found = measure_encoder(encoder.to_dict(), device)
            announce(f"encoder {name}: {found['images_per_s']} images/s")
        for classifier, recipe in study.recipes.items():
            entry = study.config.classifiers[classifier]
            if entry.train:
                found = measure_classifier(recipe.to_dict(), len(study.classes), entry.processes, device)
                calibration["classifiers"][classifier] = found
                announce(f"classifier {classifier}: {found['images_per_s']} images/s")
    write_json(calibration, smk.output.calibration)


if __name__ == "__main__":
    main()
