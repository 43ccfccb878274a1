from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import PermanentError
from pipeline.learn import labels
from pipeline.tables import CLASSES
from tests.tiny import CORPORA

HEAD = "dataset,author_id,row,source_app,text,label,conf,stratum,fold\n"


def _gold(path: Path, body: str, head: str = HEAD) -> labels.Labels:
    path.write_text(head + body, "utf-8")
    return labels.gold(path)


def test_gold_rows_are_read_with_confidence_stratum_and_fold(tmp_path: Path) -> None:
    found = _gold(
        tmp_path / "train.csv",
        'weibo_2014,a1,7,,今天下雨,share,3,random,0\nxhs_2018,a2,8,小红书,"招,代理",recruit,1,mixed,4\n',
    )
    assert found.texts.to_pylist() == ["今天下雨", "招,代理"]
    assert [CLASSES[i] for i in found.label] == ["share", "recruit"]
    assert found.weight.tolist() == [1.0, 0.5]
    assert found.fold.tolist() == [0, 4]
    assert found.author.tolist() == ["a1", "a2"]
    assert found.stratum.tolist() == ["random", "mixed"]
    assert found.dataset.tolist() == ["weibo_2014", "xhs_2018"]
    assert len(found) == 2


def test_a_post_of_several_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    found = _gold(tmp_path / "train.csv", '一,a,1,,"第一行\n第二行,还有",share,3,random,0\n', "\ufeff" + HEAD)
    assert found.texts.to_pylist() == ["第一行\n第二行,还有"]


def test_rows_without_an_author_are_authors_of_their_own(tmp_path: Path) -> None:
    found = _gold(
        tmp_path / "train.csv", "d,,1,,甲,share,3,random,0\nd,,2,,乙,share,3,random,0\nd,a,3,,丙,share,3,random,0\n"
    )
    assert len(set(found.author.tolist())) == 3


def test_disputed_rows_have_no_label(tmp_path: Path) -> None:
    found = _gold(tmp_path / "dev.csv", "早,share\n招代理,disputed\n", "text,label\n")
    assert found.label.tolist() == [0, -1]
    assert found.fold.tolist() == [0, 0]


def test_handles_in_labelled_texts_are_replaced(tmp_path: Path) -> None:
    found = _gold(tmp_path / "dev.csv", "招代理加微信qinghe8899,recruit\n", "text,label\n")
    assert found.texts.to_pylist() == ["招代理加微信〔微信号〕"]


SECRET = "有个人的秘密写在这里"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"text,label\n{SECRET},sel\n", "sel"),
        (f"text,label\n{SECRET},\n", "label"),
        (f"text\n{SECRET}\n", "no column label"),
        (f"body,label\n{SECRET},share\n", "no column text"),
        (f"text,label,fold\n{SECRET},share,7\n", "fold"),
        (f"text,label,fold\n{SECRET},share,first\n", "fold"),
        (f"text,label\n{SECRET},share,3,4\n早,share\n", "expected a CSV"),
        ("", "expected a CSV"),
        (b"text,label\n\xff\xfe\xff,share\n", "expected a CSV"),
        (b"\xff\xfe\xff", "expected a CSV"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(PermanentError) as told:
        labels.gold(path)
    line = str(told.value)
    assert said in line
    assert str(path) in line
    assert "\n" not in line
    assert SECRET not in line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"train\.csv") as told:
        labels.gold(tmp_path / "train.csv")
    assert "\n" not in str(told.value)


def test_the_own_posts_of_the_repository() -> None:
    found = labels.own(CORPORA)
    assert set(found.label.tolist()) == set(range(len(CLASSES)))
    assert set(found.fold.tolist()) == {labels.OWN_FOLD}
    assert set(found.weight.tolist()) == {labels.OWN_WEIGHT}
    assert len(set(found.author.tolist())) > 300  # voices
    assert not [text for text in found.texts.to_pylist() if not text.strip()]


def test_own_files_may_have_other_columns_beside_text_label_and_voice(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "a.csv").write_text("text,label,voice,year\n早,share,v1,2015\n", "utf-8")
    (tmp_path / "posts" / "b.csv").write_text("label,text\nsell,面膜到货\n", "utf-8")
    found = labels.own(tmp_path)
    assert found.texts.to_pylist() == ["早", "面膜到货"]
    assert found.author.tolist() == ["v1", ""]


def test_no_own_posts_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="--corpora"):
        labels.own(tmp_path)


def test_taking_and_joining_keep_rows_together(tmp_path: Path) -> None:
    body = "d,a,1,,甲,share,3,random,0\nd,b,2,,乙,sell,2,mixed,1\nd,c,3,,丙,bait,1,random,2\n"
    found = _gold(tmp_path / "train.csv", body)
    keep = np.array([True, False, True])
    both = labels.concat([found.take(~keep), found.take(keep)])
    assert both.texts.to_pylist() == ["乙", "甲", "丙"]
    assert [CLASSES[i] for i in both.label] == ["sell", "share", "bait"]
    assert both.weight.tolist() == [0.8, 1.0, 0.5]
    assert both.author.tolist() == ["b", "a", "c"]


def test_the_hash_of_a_file_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert labels.file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(PermanentError, match=r"corpora/"):
        labels.file_hash(tmp_path / "b")
