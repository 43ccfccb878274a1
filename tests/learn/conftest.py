"""A data folder with the shape of the public data sets, made of the project's own posts: what training is tested on."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.settings import Settings
from pipeline.tables import BROADCAST, CLASSES
from tests.tiny import CORPORA, own_posts

GOLD, DEV = 260, 80
SETS = ("weibo_authors", "weibo_2014", "weibo_timelines_2018", "xhs_2018")
FEELINGS = {
    "happy": ["今天好开心呀", "太喜欢这家店了", "终于放假啦好高兴"], "sad": ["心里难过得睡不着", "分手了很伤心", "太失望了"],
    "angry": ["气死我了这个快递", "服务态度太差了", "骗子别再发了"], "fear": ["晚上一个人走路好害怕", "有点担心检查结果"],
    "neutral": ["今天星期三", "会议改到下午三点", "地铁二号线"], "surprise": ["居然下雪了"],
}  # fmt: skip
MORE = ["，再说一遍", "，又是一天", "，昨天也是", "，老样子", "，就这样"]
ENDINGS = ["。", "！", "，真的", "，你说呢", "哈", "…", "，唉", "，嗯嗯", "，好吧", "~", "，是啊", "，就这样"]


def _row(i: int, text: str, label: int, voice: str) -> dict[str, str]:
    return {
        "dataset": SETS[i % 4], "author_id": voice, "row": str(i), "source_app": "", "text": text, "label": CLASSES[label],
        "conf": "3" if i % 5 else "1", "stratum": "mixed" if i % 5 == 0 else "random",
        "fold": str(sum(map(ord, voice)) % 5),
    }  # fmt: skip


def _write_csv(path: Path, rows: list[dict[str, str]], names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _write_histories(data: Path, rows: list[dict[str, str]]) -> None:
    """Each gold author's gold posts, an hour or more after copies of them with another ending."""
    for name in SETS[:3]:
        mine = [r for r in rows if r["dataset"] == name]
        copies = 5 if name == "weibo_authors" else 1  # an account is known from five posts on
        text = [r["text"] + more for r in mine for more in [*MORE[:copies], ""]]
        hours = [f"2015-05-{1 + i // 24 % 28:02d}" + " " + f"{i % 24:02d}:00:00" for i in range(len(text))]
        columns = {"author_id": [r["author_id"] for r in mine for _ in range(copies + 1)], "content": text}
        if name != "weibo_2014":
            columns["time"] = hours if name == "weibo_authors" else [h.replace(" ", "T") + ".000Z" for h in hours]
        if name == "weibo_authors":
            columns |= {"forward_flag": [0] * len(text), "source": ["手机"] * len(text), "like": [1] * len(text)}
        (data / name).mkdir(parents=True)
        pq.write_table(pa.table(columns), data / name / "posts.parquet")
    loud = {r["author_id"]: str(int(r["label"] in BROADCAST)) for r in rows}
    accounts = pa.table({"author_id": list(loud), "is_spammer": list(loud.values())})
    pq.write_table(accounts, data / "weibo_authors" / "authors.parquet")


def _write_crowd(data: Path) -> None:
    """Posts of one topic by authors that no other set has."""
    text = [f"{'在家' if i % 2 else '戴口罩'}第{i}天，{MORE[i % 5]}{ENDINGS[i % 12]}" for i in range(120)]
    (data / "weibo_covid_579k").mkdir(parents=True)
    crowd = pa.table({"text": text, "author_id": [f"crowd {i // 2}" for i in range(120)], "date": ["2020-02-01"] * 120})
    pq.write_table(crowd, data / "weibo_covid_579k" / "posts.parquet")


def _write_feelings(data: Path) -> None:
    home = data / "sentiment"
    home.mkdir(parents=True)
    said = [(text + end, label) for label, texts in FEELINGS.items() for text in texts for end in ENDINGS]
    split = ["eval" if i % 4 == 0 else "train" for i in range(len(said))]
    dom = ["usual" if i % 3 else "virus" for i in range(len(said))]
    smp = {"text": [t for t, _ in said], "label": [label for _, label in said], "split": split, "dom": dom}
    pq.write_table(pa.table(smp), home / "smp2020_train_eval.parquet")
    polar = [(t, label) for t, label in said if label not in ("neutral", "surprise")]
    for name, column in (
        ("weibo2018_train", "text"),
        ("chnsenticorp_hotel", "review"),
        ("online_shopping_10_cats", "review"),
    ):
        texts = [f"{name[0]}{t}" for t, _ in polar]
        labels = [int(label == "happy") for _, label in polar]
        pq.write_table(pa.table({column: texts, "label": labels}), home / f"{name}.parquet")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """posts_gold, the three histories, and the sets of sentiment; 260 gold posts."""
    folder = tmp_path_factory.mktemp("data")
    posts = own_posts()
    order = np.random.default_rng(1).permutation(len(posts))
    texts, voices = posts.texts.to_pylist(), posts.author.tolist()
    rows = [_row(i, texts[at], int(posts.label[at]), voices[at]) for i, at in enumerate(order[: GOLD + DEV].tolist())]
    gold, dev = rows[:GOLD], rows[GOLD:]
    _write_csv(folder / "posts_gold" / "train.csv", gold, list(rows[0]))
    dev[0] = dev[0] | {"label": "disputed"}
    _write_csv(folder / "posts_gold" / "dev.csv", dev, ["dataset", "author_id", "row", "source_app", "text", "label"])
    _write_histories(folder, gold)
    _write_feelings(folder)
    _write_crowd(folder)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with the lexicon and a hundred other posts for its own."""
    folder = tmp_path_factory.mktemp("corpora")
    shutil.copytree(CORPORA / "lexicon", folder / "lexicon")
    posts = own_posts()
    order = np.random.default_rng(1).permutation(len(posts))[GOLD + DEV : GOLD + DEV + 100]
    rows = [
        {"text": posts.texts[at].as_py(), "label": CLASSES[posts.label[at]], "voice": posts.author[at]}
        for at in order.tolist()
    ]
    _write_csv(folder / "posts" / "own.csv", rows, ["text", "label", "voice"])
    return Settings(corpora=str(folder))
