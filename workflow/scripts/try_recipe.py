"""Try a classifier's recipe: update the weights once, classify once, and see whether its options have an effect.

Inputs: the recipe's pretrained weights.
Outputs: trial, a small JSON file.
"""

from synthdiv.classifiers.trial import try_recipe
from synthdiv.core.devices import claim_device
from synthdiv.core.files import write_json
from synthdiv.core.jobs import Script, find_class_table, run_as_job
from synthdiv.jobs.classifiers import TryRecipe


@run_as_job(TryRecipe)
def main(job: TryRecipe, smk: Script) -> None:
    """Try the recipe and write the result."""
    keys = job.classes.read_keys(find_class_table(smk))
    with claim_device(smk.resources.device) as device:
        tried = try_recipe(job.recipe, keys, trained=job.trained, processes=smk.resources.processes, device=device)
    write_json(tried, smk.output.trial)


if __name__ == "__main__":
    main()
