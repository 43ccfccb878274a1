import hashlib
import json

import pyarrow as pa
import pytest

from pipeline.sources.ids import DerivedIds, clean_ids

POST = ("weibo", "1700000001", "2026-03-01 10:01", "今天立秋")


@pytest.mark.parametrize(
    ("written", "cleaned", "lost"),
    [
        ("5301234567890201\t", "5301234567890201", False),
        ("\ufeff5301234567890201\xa0", "5301234567890201", False),
        ("'5301234567890201", "5301234567890201", False),
        ("5301234567890201.0", "5301234567890201", False),
        ("65e0aa00000000000000c0ff", "65e0aa00000000000000c0ff", False),
        ("65901234567890e123456789", "65901234567890e123456789", False),
        ("0", "0", False),
        ("4.45457E+15", "4.45457E+15", True),
        ("5e+15", "5e+15", True),
        ("53012345678902010.0", "53012345678902010.0", True),
        ("None", None, False),
        ("nan", None, False),
        ("", None, False),
    ],
)
def test_id_is_cleaned_and_a_rounded_one_is_told(written, cleaned, lost):
    ids, mangled = clean_ids(pa.array([written]))
    assert (ids.to_pylist(), mangled.to_pylist()) == ([cleaned], [lost])


def test_derived_id_is_the_hash_of_the_post_and_its_occurrence():
    said = json.dumps(POST, ensure_ascii=False) + "\n1"
    assert DerivedIds().make([POST]) == ["x-" + hashlib.sha256(said.encode()).hexdigest()[:32]]


def test_real_repeats_stay_apart_and_reading_again_gives_the_same_ids():
    posts = [POST, POST, ("weibo", None, "", "今天立秋"), POST]
    first, again = DerivedIds().make(posts), DerivedIds().make(posts)
    assert first == again
    assert len(set(first)) == 4


def test_ids_do_not_hang_on_how_a_file_is_cut_into_batches():
    ids = DerivedIds()
    assert [*ids.make([POST]), *ids.make([POST])] == DerivedIds().make([POST, POST])


def test_parts_cannot_be_shifted_into_each_other():
    assert DerivedIds().make([("weibo", "a", "b", "c")]) != DerivedIds().make([("weibo", "a", 'b", "c', "")])
    assert DerivedIds().make([("weibo", None, "", "c")]) != DerivedIds().make([("weibo", "", "", "c")])
