"""The summary page: what it says of each shape of study, and that each of its numbers is in a table."""

import dataclasses
import re
from html.parser import HTMLParser

import polars as pl
import pytest
from small_page import (
    LEAKAGE,
    LOST,
    NAMES,
    TOP1,
    TRAINED,
    WITH_NATURAL,
    make_html,
    make_job,
    make_tables,
    make_view,
    replace_names,
)

from synthdiv.report.page.actions import list_actions, list_proposals
from synthdiv.report.page.classes import MOST_OPENED, MOST_ROWS, tabulate_classes
from synthdiv.report.page.forest import tabulate_forests
from synthdiv.report.page.pictures import Picture
from synthdiv.report.page.verdict import find_verdicts
from synthdiv.report.page.view import render_page

SECTIONS = ["Verdict", "Which set", "Why", "Classes", "Look", "Do", "Trust"]
TEXTS = {"plain": pl.DataFrame({"class_id": [0, 1, 2], "prompt": ["a cat", "a dog", "an eel"]})}


@pytest.fixture(scope="module")
def page():
    return make_view()


@pytest.fixture(scope="module")
def html(page):
    return render_page(page)


def find_verdict(tables):
    (verdict,) = find_verdicts(tables, make_job())
    return verdict


def rank(names):
    tables, job = make_tables(names), make_job(names)
    return tabulate_classes(tables, job, find_verdicts(tables, job), TEXTS)


class Reader(HTMLParser):
    """Collects the text of a page by section, without figures, scripts, sentences, and what is only copied."""

    def __init__(self, page):
        super().__init__()
        self.sections, self.skipped, self.section = {}, [], ""
        self.headings, self.images, self.ids = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.handle_data(" ")
        if tag == "section":
            self.section = given["id"]
        is_nested = bool(self.skipped) and tag == self.skipped[-1]
        if is_nested or tag in ("svg", "script", "style") or given.get("class") == "sentences" or "hidden" in given:
            self.skipped.append(tag)
        if re.fullmatch("h[1-6]", tag) and not self.skipped:
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(given)
        if "id" in given and "svg" not in self.skipped:
            self.ids.append(given["id"])
        if "aria-label" in given and tag == "svg":  # a figure's numbers
            self.sections[self.section] = self.sections.get(self.section, "") + f" {given['aria-label']} "

    def handle_endtag(self, tag):
        if self.skipped and tag == self.skipped[-1]:
            self.skipped.pop()

    def handle_data(self, data):
        if not self.skipped:
            self.sections[self.section] = self.sections.get(self.section, "") + data


def read_sections(page):
    return {name: " ".join(text.split()) for name, text in Reader(page).sections.items()}


def list_values(tables):
    """Return the values of all tables as the page would write them, without their signs."""
    numbers = [
        value
        for table in tables.values()
        for name in table.columns
        if table[name].dtype == pl.Float64
        for value in table[name].drop_nulls()
    ]
    return {f"{abs(100 * value):.1f}" for value in numbers}


def test_every_number_is_in_a_table(html):
    tables = make_tables()
    text = read_sections(html)
    shares = {f"{100 * n / 760:.1f}" for n in (30,)}  # of the images of a class
    known = list_values(tables) | shares | {"33.3", "2.1"}  # chance; a version
    for name, section in text.items():
        found = re.findall(r"(?<![\d.])\d+\.\d+", section)
        assert found or name in ("", "look"), name
        assert set(found) <= known, name
    assert not set(re.findall(r"\d+\.\d+", text["sets"])) <= list_values(make_tables(without=("classifier_means",)))
    for number in ("210 images", "3 seeds", "4,200", "17 seeds"):
        assert number in text["verdict"]
    assert "93.4 % 2.6 %" in text["why"]
    assert "1,280 images" in text["do"]
    assert "640 of 700" in text["trust"]
    assert "74.1 %" in text["trust"]


def test_the_numbers_follow_the_tables():
    """Other tables, other numbers: none is the template's."""
    tables = make_tables()
    halved = {
        name: table.with_columns(pl.selectors.float() / 2) if name in TRAINED else table for name, table in tables.items()
    }
    known = list_values(halved) | {"33.3", "2.1", f"{100 * 30 / 760:.1f}"}
    for name, section in read_sections(make_html(halved)).items():
        assert set(re.findall(r"(?<![\d.])\d+\.\d+", section)) <= known, name


def test_the_sections_are_in_order_and_headings_nested(html):
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    reader = Reader(html)
    assert reader.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(reader.headings, reader.headings[1:], strict=False))
    assert len(reader.ids) == len(set(reader.ids)) > 10
    every = re.findall(r' id="([^"]+)"', html)
    assert len(every) == len(set(every)) > 100  # those in figures, too
    assert html.count("<table") == html.count("<thead")
    assert html == make_html()  # the same tables, the same page


def test_close_sets_leave_the_verdict_open_and_say_what_would_decide(page, html):
    (verdict,) = page.verdicts
    assert (verdict.best, verdict.close, verdict.behind_best, verdict.is_decided) == ("A", ("B",), ("C",), False)
    assert verdict.headline == "Undecided: A is ahead, but B may be as good."
    assert verdict.deciding == ("To tell B (-0.7 points) from A: 17 seeds instead of 3 or 4,200 images instead of 210.",)
    assert verdict.behind == "It is 4.1 points [1.2, 7.0] behind N, on the evaluation images of N."
    assert verdict.costs == ("prompts long → short (A to C): -24.8 points [-27.7, -21.9]",)
    assert 'class="open"' in html


def test_a_best_set_without_rivals_is_taken():
    tables = make_tables()
    clear = tables["selection"].with_columns(may_be_best=pl.col("best"))
    verdict = find_verdict(tables | {"selection": clear})
    assert (verdict.headline, verdict.deciding) == ("Take A.", ())
    statuses = [row.status for row in tabulate_forests(tables, [verdict])[0].rows]
    assert statuses == ["natural", "best", "behind the best", "behind the best"]


def test_a_mixture_with_natural_images_is_no_choice():
    tables, job = make_tables(), make_job(choices={"net": ("A", "B")})
    tables |= {"selection": tables["selection"].filter(pl.col("train_set") != "C")}
    (forest,) = tabulate_forests(tables, find_verdicts(tables, job))
    assert forest.rows[-1].status == "has natural images, too"


def test_one_seed_decides_nothing_but_the_best_set_is_named():
    tables = make_tables()
    one = tables["selection"].with_columns(may_be_best=None, detectable=None, n_seeds=1)
    verdict = find_verdict(tables | {"selection": one})
    assert verdict.headline == "Undecided: A is ahead, but the sets cannot be told apart."
    assert "seeds: [1, 2, 3]" in verdict.deciding[0]
    assert "4.1 points" in verdict.behind
    accounts = tables["accounts"].with_columns(gain_low=None, gain_high=None)
    verdicts = find_verdicts(tables | {"accounts": accounts}, make_job())
    assert verdicts[0].costs == ()
    (forest,) = tabulate_forests(tables | {"accounts": accounts}, verdicts)
    assert not forest.has_intervals


def test_without_images_to_choose_the_evaluation_images_name_the_best():
    verdict = find_verdict(make_tables(without=("selection",)))
    assert (verdict.best, verdict.close, verdict.behind_best) == ("A", ("B",), ("C",))
    assert "flattered" in verdict.basis


def test_one_set():
    tables = make_tables(sets=("A",))
    (verdict,) = verdicts = find_verdicts(tables, make_job(choices={"net": ("A",)}))
    assert (verdict.headline, verdict.basis, verdict.is_alone) == ("A is the only generated training set.", "", True)
    assert verdict.behind.startswith("It is 4.1 points")
    (forest,) = tabulate_forests(tables, verdicts)
    assert [row.name for row in forest.rows] == ["N", "A"]


def test_without_a_natural_set():
    without = {*WITH_NATURAL, "natural_images"}
    tables = make_tables(without=without)
    total = tables["accounts"].filter(pl.col("base") != "N").with_columns(
        natural=None, kind=pl.lit("total"), step=0, base=pl.lit("A")
    )  # fmt: skip
    tables |= {"accounts": total, "classifier_means": tables["classifier_means"].filter(pl.col("train_set") != "N")}
    job = make_job(natural=None, reference=None, generated=(), pictured=("A", "B", "C"))
    text = read_sections(make_html(tables, job))
    assert "not trained on natural images" in text["verdict"]
    assert "Without a natural set, no cause can be suspected" in text["why"]
    assert "There is no natural set" in text["trust"]


def test_without_a_classifier():
    text = read_sections(make_html(make_tables(without=TRAINED), make_job(choices={})))
    assert "Undecided: no classifier was trained on these sets." in text["verdict"]
    assert "class centroids of A recognise most natural images (60.0 %)" in text["verdict"]
    assert "no set can be called best" in text["sets"]
    assert "no loss is measured" in text["classes"]
    assert "diversity" in text["classes"]


@pytest.mark.parametrize(("share", "warns"), [(0.03, True), (0.002, False)])
def test_many_images_that_the_best_set_shares_are_in_its_verdict(share, warns):
    row = {"set": "N", "split": "evaluation", "other_set": "A", "other_split": "train", "n_images": 1000, "n_others": 640}
    row |= {
        "n_exact": int(1000 * share),
        "n_near": 0,
        "n_crops": 0,
        "n_duplicates": int(1000 * share),
        "duplicate_share": share,
    }
    row |= {"duplicate_share_low": share / 2, "duplicate_share_high": share * 2, "correlation_limit": 0.9}
    text = read_sections(make_html(make_tables() | {"leakage": pl.DataFrame([row], schema=LEAKAGE)}))
    assert ("Beware:" in text["verdict"]) == warns
    assert f"{100 * share:.1f} %" in text["trust"]


def test_a_natural_set_alone():
    tables = make_tables(without={*TRAINED, "causes", "suspicions"})
    alone = tables["experiments"].filter(query="N", reference="N")
    job = make_job(choices={}, generated=(), pictured=("N",), styled=("N",))
    text = read_sections(make_html(tables | {"experiments": alone}, job))
    assert "N is natural, and no set is compared with it yet" in text["verdict"]
    assert "its class centroids recognise" in text["verdict"]
    assert "There is no other set." in text["verdict"]
    assert "There is one set: no class falls short of another's." in text["classes"]


def test_without_a_classifier_and_a_natural_set():
    job = make_job(natural=None, reference=None, generated=(), choices={}, pictured=("A", "B", "C"))
    text = read_sections(make_html(make_tables(without={*TRAINED, *WITH_NATURAL}), job))
    assert "nothing can be said to fall short" in text["verdict"]
    assert "Neither a classifier nor a natural set" in text["classes"]
    assert "none to look at first" in text["look"]


def test_a_part_without_sentences_says_so(html):
    assert re.search("<h3>Diversity of the sets</h3>\\s*<p>Nothing beyond noise.</p>", html)


def test_without_texts():
    tables = make_tables()
    causes = tables["causes"].with_columns(best_text=pl.lit(None, pl.String), best_retrieval=pl.lit(None, pl.Float64))
    verdicts = find_verdicts(tables, make_job())
    for opened in tabulate_classes(tables | {"causes": causes}, make_job(), verdicts, {}).opened:
        assert opened.texts == ()


def test_two_classes():
    assert [name for _, name, _ in rank(NAMES[:2]).rows] == ["dog", "cat"]


def test_classes_are_ranked_by_what_the_best_set_loses_beyond_noise():
    classes = rank(NAMES)
    assert [name for _, name, _ in classes.rows] == ["dog", "cat", "eel"]  # the eel is ahead
    assert classes.lost == ("dog (31.2)",)
    (_, _, cells) = classes.rows[0]
    assert [one.text for one in cells] == ["31.2", "21.4", "11.6"]
    assert [one.is_grey for one in classes.rows[1][2]] == [True, True, False]
    assert classes.rows[2][2][0].shade < 0
    assert f"{100 * LOST['C'][0]:.1f}" == classes.rows[1][2][2].text


def test_an_opened_class_says_what_is_known():
    opened = next(one for one in rank(NAMES).opened if one.name == "dog")
    first, own, *_ = opened.findings
    assert (first.set_name, first.recall, first.predicted) == ("N", "83.1 %", "cat 3.9 %, eel 3.9 %")
    assert (own.set_name, own.lost, own.words) == ("A", "31.2 [26.5, 35.9]", "suspected: diversity")
    assert own.seen_as == "64.4 % as this class (natural: 87.7 %), 6.3 % as cat"
    assert opened.texts == (
        ("prompt of plain", "a dog"),
        ("text that retrieves the class best, 91.8 % of natural images", "a photo of a dog"),
    )
    assert opened.interventions[1] == ("prompts long → short (A to C)", "-13.8", "[-19.0, -8.6]", True)


def test_of_many_classes_the_worst_are_a_sample():
    names = [f"class {n}" for n in range(1000)]
    page = make_view(make_tables(names), make_job(names))
    assert (len(page.classes.rows), len(page.classes.opened)) == (MOST_ROWS, MOST_OPENED)
    assert len(page.classes.lost) == 333
    html = render_page(page)
    assert "Look</a> at the 333 classes that it loses beyond noise" in html
    assert "A sample: the worst 100 of 1,000 classes." in read_sections(html)["classes"]
    assert len(html) < 2_000_000


def test_actions_have_the_direction_that_gains_and_tests_are_ranked_by_images(page):
    (best,) = page.actions
    assert (best.start, best.end, best.change, best.gain) == ("C", "A", "prompts: short → long", "+24.8")
    assert (best.interval, best.note) == ("[21.5, 28.1]", "leads to the best set")
    assert [(one.end, one.note) for one in page.tried] == [("B", "not beyond noise"), ("C", "costs")]
    tables = make_tables()
    row = tables["suspicions"].head(1)
    more = [row, row.with_columns(set=pl.lit("B")), row.with_columns(n_images=pl.lit(64)), row.with_columns(n_images=None)]
    suspicions = pl.concat([one.cast(dict(row.schema)) for one in more])
    proposals = list_proposals({"suspicions": suspicions}, page.verdicts)
    assert list_actions({}, page.verdicts) == ([], [])
    assert [one.n_images for one in proposals] == [64, 1280, None]
    assert proposals[1].sets == (("A", "2 of 3"), ("B", "2 of 3"))


def test_a_set_has_one_colour_everywhere(page, html):
    styles = page.styles
    assert styles["N"].colour == "#000000"
    assert len({dataclasses.astuple(one) for one in styles.values()}) == len(styles) == 4
    for name, style in styles.items():
        if name != "N":
            colours = set(re.findall(rf'color: (#\w+)" aria-hidden="true">.</span>{name}<', html))
            assert colours == {style.colour}
            own = next(drawing.svg for account, drawing in page.accounts if account.train_set == name)
            others = {other.colour.lower() for other in styles.values()} - {style.colour.lower(), "#000000"}
            assert style.colour.lower() in own
            assert not [colour for colour in others if colour in own]
            assert style.colour.lower() in page.forests[0][1].svg


def test_a_figure_is_copied_with_the_numbers_of_its_table(page):
    tables = make_tables()
    own = {account.train_set: drawing for account, drawing in page.accounts}["C"]
    rows = tables["accounts"].filter(pl.col("train_set") == "C")
    assert pl.read_csv(own.csv.encode(), schema=rows.schema).equals(rows)
    assert r"intervention & A & C & prompts & long & short & \textbf{$-$0.248 [$-$0.277, $-$0.219]} \\" in own.latex
    forest = page.forests[0][1]
    assert r"N & natural & 0.812 [0.790, 0.834] &" in forest.latex
    csv = pl.read_csv(forest.csv.encode())
    assert dict(csv.select("train_set", "top1").iter_rows()) == TOP1


def test_the_ladder_is_drawn(page):
    ladder, drawing = page.ladder
    assert ladder.steps == (
        ("captions", "-4.1", "[-6.6, -1.6]"),
        ("noise", "-24.8", "[-27.3, -22.3]"),
        ("the whole ladder", "-28.9", "[-31.4, -26.4]"),
    )
    assert "captions: -4.1" in drawing.svg
    assert r"captions & N & A & \textbf{$-$0.041 [$-$0.066, $-$0.016]}" in drawing.latex
    assert make_view(make_tables(without=("ladder",))).ladder is None


def test_pictures_have_alternative_texts(page):
    one = [Picture("data:image/webp;base64,AA==", 4)]
    pictures = {(name, opened.class_id): one for name in page.pictured for opened in page.classes.opened}
    page = dataclasses.replace(page, pictures=pictures)
    reader = Reader(render_page(page))
    assert {one["alt"] for one in reader.images} >= {"dog: image 4 of A", "dog: image 4 of N"}
    assert page.pictured == ["N", "A", "B", "C"]
    assert page.looked_at == ["N", "A", "B"]


def test_names_are_text(html):
    name = '<b onclick="x">&lt;" style="y $x_$ \x07 ]]> --> {{ 7 * 7 }}</script><script>'
    page = make_html(*replace_names([name, "dog", "eel"]))
    for tag in ("<script", "</script", "<b ", "<svg", "<img", "<a "):
        assert page.count(tag) == html.count(tag), tag
    assert Reader(page).ids == Reader(html).ids
    assert name.replace("\x07", "") in Reader(page).sections["classes"].replace("\x07", "")
