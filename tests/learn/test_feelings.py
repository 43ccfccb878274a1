from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest

from pipeline.learn import feelings
from pipeline.learn.feelings import NEGATIVE, NEUTRAL, POSITIVE, SETS, UNKNOWN, Feelings
from pipeline.learn.public_posts import public_posts
from pipeline.tables import EMOTIONS

LONG = "周末和老同学去爬山，山顶的风很大，大家坐着聊了一个下午，谁也不想下来"


@pytest.fixture
def found(data: Path) -> Feelings:
    return feelings.load(data)


def test_every_text_has_a_side_and_smp2020s_an_emotion_too(found: Feelings) -> None:
    by_text = {t: (found.label[i], found.emotion[i]) for i, t in enumerate(found.texts.to_pylist())}
    assert by_text["今天好开心呀。"] == (POSITIVE, EMOTIONS.index("happy"))
    assert by_text["今天星期三。"] == (NEUTRAL, EMOTIONS.index("neutral"))
    assert by_text["心里难过得睡不着。"] == (NEGATIVE, EMOTIONS.index("sad"))
    assert by_text["居然下雪了。"] == (UNKNOWN, EMOTIONS.index("surprise"))
    reviews = np.isin(found.dataset, SETS[1:])
    assert (found.emotion[reviews] == UNKNOWN).all()
    assert set(found.label[reviews].tolist()) == {NEGATIVE, POSITIVE}


def test_a_tenth_of_the_groups_of_copies_is_held_out_each_as_a_whole(found: Feelings) -> None:
    others = found.dataset != "smp2020"
    assert 0 < found.held_out[others].sum() < 0.25 * others.sum()
    for group in np.unique(found.group[others]).tolist():
        assert len(set(found.held_out[others & (found.group == group)].tolist())) == 1


def test_smp2020_is_held_out_as_its_authors_split_it(found: Feelings, data: Path) -> None:
    split = pq.read_table(data / "sentiment" / "smp2020_train_eval.parquet")["split"].to_pylist()
    assert found.held_out[found.dataset == "smp2020"].tolist() == [s == "eval" for s in split]


def test_near_duplicates_are_one_group_and_a_copy_of_a_held_out_text_is_not_fitted(data: Path, tmp_path: Path) -> None:
    home = tmp_path / "sentiment"
    home.mkdir()
    for path in (data / "sentiment").iterdir():
        table = pq.read_table(path)
        if path.name.startswith("smp2020"):
            rows = [(LONG, "happy", "eval", "usual"), (LONG + "呢", "happy", "train", "usual")]
            more = dict(zip(("text", "label", "split", "dom"), map(list, zip(*rows, strict=True)), strict=True))
            table = pa.concat_tables([table, pa.table(more).cast(table.schema)])
        pq.write_table(table, home / path.name)
    found = feelings.load(tmp_path)
    texts = found.texts.to_pylist()
    one, copy = texts.index(LONG), texts.index(LONG + "呢")
    assert found.group[one] == found.group[copy]
    assert found.held_out[one]
    assert not found.held_out[copy]
    assert not found.fitted[copy]
    assert found.fitted.sum() > 0.5 * len(texts)
    assert not (found.fitted & found.held_out).any()


def test_posts_that_were_read_have_the_feeling_that_their_reader_saw(
    data: Path, tmp_path: Path, found: Feelings
) -> None:
    posts = public_posts(data)
    posts = posts.filter(pa.compute.not_equal(posts["dataset"], "smp2020")).slice(0, 6)
    sides = ["positive", "neutral", "negative"] * 2
    said = {"side": sides, "emotion": ["happy", "neutral", "sad"] * 2, "strength": [2, 0, 3] * 2}
    read = pa.table({"text_hash": posts["text_hash"], **said})
    unknown = pa.table({"text_hash": ["t0000000000000000"], **{name: values[:1] for name, values in said.items()}})
    (tmp_path / "labels").mkdir()
    pq.write_table(pa.concat_tables([read, unknown]), tmp_path / feelings.FELT)
    more = feelings.load(data, tmp_path)
    mine = more.dataset == feelings.READ
    assert more.texts.filter(pa.array(mine)).to_pylist() == posts["text"].to_pylist()
    assert more.label[mine].tolist() == [POSITIVE, NEUTRAL, NEGATIVE] * 2
    assert [EMOTIONS[i] for i in more.emotion[mine].tolist()] == said["emotion"]
    assert more.strength[mine].tolist() == said["strength"]
    assert (more.strength[~mine] == UNKNOWN).all()
    assert len(more.label) == len(found.label) + 6
