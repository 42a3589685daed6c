"""Probes: prompts for one class, compared at the same noises ("Diversity and Diffusion", Appendix B).

1. draw_probe draws the images of a probe's prompts, as draw_images does those of a dataset, in a split of their own.
2. embed_probe embeds them with the first encoder.
3. score_probes compares them with the class centroids of the probe's reference, and each prompt with the first.
4. plot_probes shows them, the same noise in a column.
"""


localrules:
    plot_probes,


use rule draw_images as draw_probe with:
    input:
        sources=ancient(STUDY.config["classes"]),
        fingerprint=generator_fingerprint,
    output:
        index=ensure("<results>/images/probes/{probe}.parquet", non_empty=True),
    log:
        "<logs>/draw_probe/{probe}.log",
    benchmark:
        "<benchmarks>/draw_probe/{probe}.jsonl"
    message:
        "Draw the probe {wildcards.probe}"


use rule embed_images as embed_probe with:
    input:
        index="<results>/images/probes/{probe}.parquet",
        encoder=encoder_files,
    output:
        table=ensure(
            "<results>/embeddings/{encoder}/probes/{probe}.parquet", non_empty=True
        ),
    log:
        "<logs>/embed_probe/{encoder}/{probe}.log",
    benchmark:
        "<benchmarks>/embed_probe/{encoder}/{probe}.jsonl"
    message:
        "Embed the images of the probe {wildcards.probe}"


rule score_probes:
    input:
        images=probe_embeddings,
        references=probe_references,
        classes=STUDY.config["classes"],
    output:
        table="<results>/tables/probes.csv",
    log:
        "<logs>/score_probes.log",
    benchmark:
        "<benchmarks>/score_probes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    threads: scoring_threads
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        probes=scored_probes,
    message:
        "Score the probes"
    script:
        "../scripts/score_probes.py"


rule plot_probes:
    input:
        indices=probe_indices,
        table="<results>/tables/probes.csv",
    output:
        figure=report(
            "<results>/figures/probes.png",
            caption="../report/probes.rst",
            category="6 Guidance and prompts",
            labels={"figure": "Probes"},
        ),
    log:
        "<logs>/plot_probes.log",
    benchmark:
        "<benchmarks>/plot_probes.jsonl"
    conda:
        "../../envs/synthdiv.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        probes=scored_probes,
    message:
        "Lay out the probes"
    script:
        "../scripts/plot_probes.py"
