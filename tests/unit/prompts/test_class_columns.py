"""The classes that a job uses: an edit of other columns leaves a job as it is, one of its own is refused."""

import pytest

from synthdiv.core.errors import StudyError
from synthdiv.prompts.class_columns import ClassColumns
from synthdiv.prompts.class_tables import read_classes


def test_only_the_columns_that_a_job_uses_decide_it(classes_csv):
    keys, names = (ClassColumns.describe(None, read_classes(classes_csv), column) for column in ("key", "name"))
    assert keys.read_keys(classes_csv) == ["n01", "n02", "n03"]
    assert names.read_names(classes_csv) == ["crane", "jay", "nail"]
    classes_csv.write_text(classes_csv.read_text().replace("n01,crane", "n01,heron"))
    assert keys.read_keys(classes_csv) == ["n01", "n02", "n03"]
    assert ClassColumns.describe(None, read_classes(classes_csv), "key") == keys
    with pytest.raises(StudyError, match=r"classes.csv was edited after this run was planned; start snakemake again"):
        names.read_names(classes_csv)


def test_classes_in_another_order_are_other_classes(classes_csv):
    before = ClassColumns.describe("any", read_classes(classes_csv), "key")
    text = classes_csv.read_text()
    classes_csv.write_text(text.replace("0,n01", "9,n01").replace("1,n02", "0,n02").replace("9,n01", "1,n01"))
    assert ClassColumns.describe("any", read_classes(classes_csv), "key") != before


def test_a_table_of_its_own_is_read_instead_of_the_studys(classes_csv):
    own = ClassColumns.describe(str(classes_csv), read_classes(classes_csv), "key")
    assert own.read_keys("elsewhere.csv") == ["n01", "n02", "n03"]
