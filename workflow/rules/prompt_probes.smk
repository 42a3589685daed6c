"""Prompt probes: prompts for one class, compared at the same noises ("Diversity and Diffusion", Appendix B).

1. generate_prompt_probe generates the images of a probe's prompts in a split of their own, like generate_images.
2. embed_prompt_probe embeds them with the first encoder.
3. score_prompt_probes compares them with the class centroids of the probe's reference, and each prompt with the first.
4. plot_prompt_probes shows them, with one column per noise.
"""


localrules:
    plot_prompt_probes,


use rule generate_images as generate_prompt_probe with:
    input:
        sources=ancient(STUDY.config["classes"]),
        fingerprint=generator_fingerprint,
    output:
        index=ensure("<results>/images/prompt_probes/{probe}.parquet", non_empty=True),
    log:
        "<logs>/generate_prompt_probe/{probe}.log",
    benchmark:
        "<benchmarks>/generate_prompt_probe/{probe}.jsonl"
    message:
        "Generate the prompt probe {wildcards.probe}"


use rule embed_images as embed_prompt_probe with:
    input:
        index="<results>/images/prompt_probes/{probe}.parquet",
        encoder=encoder_files,
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/prompt_probes/{probe}.parquet",
            non_empty=True,
        ),
    log:
        "<logs>/embed_prompt_probe/{encoder}/{probe}.log",
    benchmark:
        "<benchmarks>/embed_prompt_probe/{encoder}/{probe}.jsonl"
    message:
        "Embed the images of the prompt probe {wildcards.probe}"


rule score_prompt_probes:
    input:
        images=prompt_probe_embeddings,
        references=prompt_probe_references,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/prompt_probes.csv",
    log:
        "<logs>/score_prompt_probes.log",
    benchmark:
        "<benchmarks>/score_prompt_probes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        prompt_probes=scored_prompt_probes,
    message:
        "Score the prompt probes"
    script:
        "../scripts/score_prompt_probes.py"


rule plot_prompt_probes:
    input:
        indices=prompt_probe_indices,
        table="<results>/tables/prompt_probes.csv",
    output:
        figure=report(
            "<results>/figures/prompt_probes.png",
            caption="../report/prompt_probes.rst",
            category="6 Guidance and prompts",
            labels={"figure": "Probes"},
        ),
    log:
        "<logs>/plot_prompt_probes.log",
    benchmark:
        "<benchmarks>/plot_prompt_probes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        prompt_probes=scored_prompt_probes,
    message:
        "Plot the prompt probes"
    script:
        "../scripts/plot_prompt_probes.py"
