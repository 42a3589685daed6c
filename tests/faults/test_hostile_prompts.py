"""Test that prompts and names with quotes, scripts, shell commands or formulas are plain text everywhere."""

import csv
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
import small_page
import small_study
from traps import CALL, accept, make_study
from workplace import DEMO, Workplace

from synthdiv.config.generation import PromptBuilder
from synthdiv.core.fingerprints import make_digest
from synthdiv.core.tables import read_table, write_table
from synthdiv.embeddings.prompt_checks import load_encoder_tokenizer
from synthdiv.embeddings.table import EmbeddingTables, write_embeddings
from synthdiv.images.archive import digest_bytes
from synthdiv.images.index import read_index, write_index
from synthdiv.jobs.images import plan_generation
from synthdiv.plan.generation import list_generation_runs, list_shards
from synthdiv.prompts.class_tables import ClassRow
from synthdiv.prompts.datasets import build_datasets
from synthdiv.report.figures.images import paste_images
from synthdiv.report.figures.style import save_figure
from synthdiv.report.table_pages import write_table_page

TEXTS = {
    "quotes": "it's \"quoted\", 'twice'",
    "a line break": "one\ntwo\r\nthree",
    "a tab": "one\ttwo",
    "right to left": "قطة على سجادة \u202eabc",
    "emoji": "👩‍👩‍👧 🐈‍⬛",
    "combining": "e\u0301a\u0308 Z\u0351\u036b",
    "10,000 characters": "a very long prompt " * 527,
    "a command": f"$({CALL}); `{CALL}` | {CALL} && {CALL}",
    "braces": "{wildcards} {wildcards.shard} {name} {{class}} {0}",
    "Snakemake's paths": "<results> <logs>/x {input} {params.job}",
    "a script": "<script>alert(1)</script>",
    "the end of a script": "</script><script>alert(1)</script>",
    "an image tag": "<img src=x onerror=alert(1)>",
    "an entity": "&lt;script&gt; &amp; &#x41;",
    "a formula": '=1+1 =HYPERLINK("x")',
    "a spreadsheet command": "@SUM(1) +1 -1",
    "mathematics": r"$x_$ $\frac{a}{b $1",
    "a format string": "%s %(x)s %n {!r}",
    "SQL": "'; DROP TABLE prompts; --",
    "YAML": "!!python/object/apply:os.system ['touch executed']",
}
FOR_EACH_TEXT = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


@FOR_EACH_TEXT
def test_overrides_and_a_grammar_do_not_change_a_text(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    with open("overrides.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "prompt"), ("bag", text)])
    study = accept(config, tmp_path)
    assert study.datasets["disamb"].prompt(3, "train", 0) == text.strip()
    assert text.strip() in study.datasets["promptaug"].prompt(3, "train", 0)
    job = plan_generation(study, list_generation_runs(study)[1], next(iter(list_shards(study).values())))
    assert len(job.prompts.digest) == 64  # a digest: no rule sees the text


@FOR_EACH_TEXT
def test_tables_and_indices_do_not_change_a_text(tmp_path, text):
    write_table(pl.DataFrame({"prompt": [text, "plain"]}), tmp_path / "prompts.csv")
    assert read_table(tmp_path / "prompts.csv")["prompt"].to_list() == [text, "plain"]
    with open(tmp_path / "prompts.csv", newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["prompt"] == text
    row = {"class_id": 0, "split": "train", "index": 0, "prompt": text, "seed": 1, "file": "a", "offset": 0, "size": 1}
    row |= {"digest": bytes(16)}
    write_index(tmp_path / "index.parquet", [row | {"flags": []}], {"prompts": {text: make_digest(text)}})
    assert read_index(tmp_path / "index.parquet")["prompt"].to_pylist() == [text]
    write_embeddings(tmp_path / "e.parquet", [0], ["train"], [0], np.ones((1, 2)), [1.0], {"text": text})
    assert len(EmbeddingTables([tmp_path / "e.parquet"], "train").read()) == 1


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(sorted(attributes))))

    def handle_data(self, data):
        self.text += data


def count_tags(page):
    return [tag for tag, _ in Tags(page).tags]


@FOR_EACH_TEXT
def test_a_text_adds_no_tags_to_a_page_of_tables(text):
    """The review's pages have a test of their own."""

    def make_tables(word):
        return write_table_page(word, [("causes", word, pl.DataFrame({"name": [word], "n": [1]}))])

    check_tags(make_tables(text), make_tables("plain"))


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")
@pytest.mark.filterwarnings("ignore:Matplotlib currently does not support")
def test_texts_add_no_tags_to_the_summary():
    """Each is the name of a class, and all together those of a set, a setting and advice."""
    texts = list(TEXTS.values())
    page = small_page.make_html(*small_page.replace_names(texts))
    plain = small_page.make_html(*small_page.replace_names([f"plain {n}" for n in range(len(texts))]))
    without_figures = [re.sub("<svg.*?</svg>", "<svg>", one, flags=re.DOTALL) for one in (page, plain)]
    check_tags(*without_figures)
    assert page.count("<svg") == page.count("</svg>") == plain.count("<svg")
    shown = " ".join(Tags(page).text.split())
    assert [text for text in texts if " ".join(text.split()) not in shown] == []


def check_tags(page, plain):
    assert count_tags(page) == count_tags(plain)
    assert page.count("<script") == plain.count("<script")
    assert page.count("</script") == plain.count("</script")
    assert page.count("<img") == plain.count("<img")


@pytest.mark.filterwarnings("ignore:Glyph .* missing from")
@pytest.mark.filterwarnings("ignore:Matplotlib currently does not support")
@FOR_EACH_TEXT
def test_a_text_can_label_the_rows_of_a_figure(tmp_path, text):
    from PIL import Image

    tile = np.asarray(Image.new("RGB", (8, 8)))
    location = {"file": str(tmp_path / "a.png"), "offset": 0}
    Image.fromarray(tile).save(location["file"])
    data = (tmp_path / "a.png").read_bytes()
    row = location | {"size": len(data), "digest": digest_bytes(data)}
    save_figure(paste_images([[[row]]], [text[:60]], [text[:60]], 1), tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size[0] > 100


@FOR_EACH_TEXT
def test_a_text_is_tokenized(text):
    tokenize, limit = load_encoder_tokenizer({"model": str(DEMO / "models" / "clip"), "pretrained": None})
    assert limit == 32
    (tokens,) = tokenize([text])
    assert len(tokens) >= 3


def test_a_template_is_filled_in_once():
    """A name that looks like a placeholder is not filled in."""
    classes = [ClassRow(0, "a", "{definition} {0}", "l", "a {name}", "h")]
    entry = PromptBuilder(builder="template", template="{name}, {definition}")
    built = build_datasets({"d": entry}, classes, seed=0, images_per_class={"d": {"train": 1, "evaluation": 1}})
    assert built["d"].prompt(0, "train", 0) == "{definition} {0}, a {name}"


def test_a_prompt_probe_does_not_change_a_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = make_study(tmp_path)
    prompts = [text.strip() for text in TEXTS.values()]
    probe = {"class": "bag", "prompts": prompts, "guidance_scale": 7.5, "images": 1, "reference": "Natural-IM"}
    study = accept(config | {"prompt_probes": {"hostile": probe}}, tmp_path)
    assert [study.prompt_probes["hostile"].prompt(3, "probe", n) for n in range(len(prompts))] == prompts


def test_snakemake_does_not_change_a_text_in_a_job(tmp_path, monkeypatch):
    """Jobs hold the prompts of a probe, and of a figure the names of classes."""
    monkeypatch.chdir(tmp_path)
    prompts = [text.strip() for text in TEXTS.values()]
    names = [name for name in prompts if name.isprintable()]
    probe = {"class": "k0", "prompts": prompts, "guidance_scale": 7.5, "images": 1, "reference": "Synset-IM"}
    config = small_study.make_config(prompt_probes={"hostile": probe}, experiments={}, contact_sheets={})
    config["datasets"] = {"synset": config["datasets"]["synset"]}
    config["sets"] = {"Synset-IM": config["sets"]["Synset-IM"]}
    place = Workplace.make(tmp_path, config)
    with open("classes.csv", "w", newline="", encoding="utf-8") as file:
        rows = [(n, f"k{n}", name, "x") for n, name in enumerate(names)]
        csv.writer(file).writerows([("class_id", "key", "name", "lemmas"), *rows])
    jobs = [(job.rule.name, job.params["job"]) for job in place.list_jobs()]
    planned = {name: job for name, job in jobs if job.get("figure", "contact_sheet") == "contact_sheet"}
    assert planned["plot_figure"]["options"]["class_names"] == names
    assert planned["generate_prompt_probe"]["prompts"]["entry"]["prompts"] == prompts
    assert planned["score_prompt_probes"]["prompt_probes"][0]["prompts"] == prompts
