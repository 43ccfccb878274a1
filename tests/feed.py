"""A small feed, written by hand, and the lake that a run makes of it: what tests of the whole path share.

Five exports of seven weeks: everyday posts, a seller who recruits, a flood by four accounts, talk below a post, gatherings
of the same posts days apart, and rows that cannot be read. People, texts, ids and handles are invented.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

ROOT = Path(__file__).parent.parent
MODELS, CORPORA = ROOT / "models", ROOT / "corpora"
AS_OF = "2026-03-05"  # stated, so that runs over parts of the feed tell of the same day
HE, MAN, JIN, LIN = "8800112233", "8800445566", "8800778899", "8800990011"  # raw author ids; Jin posts but once
FLOODERS = ("wxid_qinglan01", "wxid_qinglan02", "wxid_qinglan03", "wxid_qinglan04")
NEIGHBOUR = "wxid_laochen88"
NAMES = ("山里阿禾", "蔓蔓优选总代", "锦书不寄", "林下听雨", "晴岚小铺")
HANDLES = ("manman_dl2026", "13977665544", "qinglan7788", "2233445566", "manzhu@example.com")
RAW_IDS = (HE, MAN, JIN, LIN, *FLOODERS, NEIGHBOUR)


def at(day: str, hour: float = 9) -> str:
    """A moment in Shanghai."""
    return f"2026-{day}T{int(hour):02d}:{round(hour % 1 * 60):02d}:00+08:00"


def weibo(post_id: str, author: str | None, posted_at: str | None, text: str, **more: Any) -> dict[str, Any]:
    """A row of Weibo; what is None is left out, as exporters do."""
    name = {HE: NAMES[0], MAN: NAMES[1], JIN: NAMES[2], LIN: NAMES[3]}.get(author or "")
    row = {"platform": "weibo", "post_id": post_id, "author_id": author, "author_name": name, "text": text,
           "posted_at": posted_at, **more}  # fmt: skip
    return {key: value for key, value in row.items() if value is not None}


def moment(author: str, posted_at: str, text: str, **more: Any) -> dict[str, Any]:
    """A row of WeChat Moments, where posts have no id."""
    name = NAMES[4] if author in FLOODERS else "老陈"
    return {"platform": "wechat_moments", "author_id": author, "author_name": name, "text": text,
            "posted_at": posted_at, **more}  # fmt: skip


WALK = "溪边的菜花开了，走了一个下午，鞋上都是泥，心里倒很亮堂。"
RECRUIT = "蔓珠面膜招代理，零门槛一件代发，宝妈在家也能月入过万，想做的加微信 manman_dl2026 详聊"
FLOOD = "晴岚酵素今日活动，买二送一，现货秒发，库存不多，想要的姐妹抓紧加微信：qinglan7788"
SUPPER = "晚上熬了一锅绿豆粥，配咸鸭蛋，一家人坐着不说话也挺好。"
SLEET = "今天雨夹雪，公交车上有人给老人让了座。"
Row = dict[str, Any] | str

MONDAY: list[Row] = [
    weibo("w1", HE, at("01-12"), WALK, kind="post", likes=5, comments=1, reposts=0, followers=310),
    weibo("w2", HE, at("01-15", 20.5), "女儿今天学会了系鞋带，系了七遍，一遍比一遍紧。", likes=12, followers=310),
    weibo("w3", HE, at("01-21", 7.25), "早班车上又遇到那个背琴的男孩，他睡着了，琴靠在我腿上。", likes=8),
    weibo("w4", HE, at("01-29", 22), "加班到十点，楼下馄饨摊还亮着灯，老板多给了我两个。", likes=20, app="手机微博"),
    weibo("w5", HE, at("02-03", 18), "立春前一天，给阳台的茉莉换了土，手上全是腥味。", topics=["种花"]),
    weibo("w6", HE, at("02-09", 12), "吵了一架，又一起去买菜。日子就是这样。", likes=3),
    weibo("w7", MAN, at("01-13", 10), "周末带外婆去看了海，她说浪比年轻时候的大。", likes=9, followers=5200),
    weibo("w8", MAN, at("01-20", 10), RECRUIT, likes=1, followers=5300),
    weibo("w9", MAN, at("01-27", 10), "蔓珠面膜年前补货，拿货价只给代理，囤货的姐妹电话 13977665544", likes=0),
    weibo("w10", MAN, at("02-04", 10), "又有三位姐妹加入蔓珠，跟着团队做，第一个月就回本，带你一起飞", likes=2),
    weibo("w11", MAN, at("02-10", 10), RECRUIT, likes=0, followers=5400),
    weibo("w12", JIN, None, "翻出一张旧车票，背面有你写的字，字还在。", likes=4),
    weibo("w13", None, at("01-30", 15), "问一下，城南那家修钟表的铺子还开着吗？"),
    weibo("w14", LIN, at("01-13", 9.5), f"我也想去走走//@{NAMES[0]}:{WALK}", kind="repost", parent_id="w1", root_id="w1"),
    weibo("w15", LIN, at("01-16", 21), "转发微博", kind="repost", parent_id="w2"),
    weibo("w16", LIN, at("02-01", 9), "我刚刚在跑鹿App完成了5.20公里跑步，用时31分钟，一起来运动吧"),
    weibo("c1", LIN, at("01-12", 10), "鞋要晾在窗台外面", kind="comment", parent_id="w1", root_id="w1"),
    weibo("c2", JIN, at("01-12", 11), f"@{NAMES[0]} 下次叫上我", kind="comment", parent_id="w1", root_id="w1"),
    weibo("c3", MAN, at("01-16", 8), "好棒的宝宝", kind="comment", parent_id="w2", root_id="w2"),
    '{"platform": "weibo", "post_id": "w17", "text": "断在这里',
    weibo("w18", HE, at("02-02"), "   "),
    weibo("w19", HE, "昨天的昨天", "这一行的时间读不出来"),
]  # fmt: skip
WEDNESDAY: list[Row] = [  # the same posts two days later, and newer ones
    weibo("w1", HE, at("01-12"), WALK, likes=9, comments=3, followers=320),
    weibo("w2", HE, at("01-15", 20.5), "女儿今天学会了系鞋带，系了七遍，一遍比一遍紧。（刚才又系了一遍）", likes=15),
    weibo("w4", HE, at("01-29", 22), "加班到十点，楼下馄饨摊还亮着灯，老板多给了我两个。", likes=31),
    weibo("w8", MAN, at("01-20", 10), RECRUIT, likes=2, comments=0, followers=5600),
    weibo("w11", MAN, at("02-10", 10), RECRUIT, likes=1, followers=5600),
    weibo("w12", JIN, "2025-12-24T23:30:00+08:00", "翻出一张旧车票，背面有你写的字，字还在。", likes=6),
    weibo("w20", HE, at("02-20", 8), "雪化了一半，屋檐一直在滴水，像有人在算账。", likes=4),
    weibo("w21", HE, at("03-01", 19), SUPPER, likes=7, followers=322),
    weibo("w22", MAN, at("02-24", 10), "蔓珠总代招募，名额只剩五个，邮箱 manzhu@example.com，备注城市", likes=0),
    weibo("w23", MAN, at("03-02", 10), RECRUIT + "，今天报名送货架", likes=0, followers=5700),
    weibo("w24", LIN, at("03-03", 7), "夜里两点醒来，听见远处的火车，想起很多人。"),
    weibo("c4", HE, at("03-03", 8), "我也常听见", kind="comment", parent_id="w24", root_id="w24"),
    weibo("w25", LIN, at("03-03", 9), "", kind="post"),
]  # fmt: skip
MOMENTS: list[Row] = [
    moment(NEIGHBOUR, at("01-18", 6.5), "开门早了，卖豆腐的还没来。", likes=3),
    moment(NEIGHBOUR, at("01-19", 6.5), SUPPER, likes=6, comments=2),
    moment(NEIGHBOUR, at("01-26", 6.5), SLEET, likes=8),
    moment(NEIGHBOUR, at("01-26", 6.5), SLEET, likes=8),  # said twice in the same minute: a real repeat
    moment(NEIGHBOUR, at("02-12", 20), "孙子视频里叫了一声爷爷，隔壁都听见我笑。", likes=30),
    moment(FLOODERS[0], at("02-14", 10), FLOOD),
    moment(FLOODERS[1], at("02-14", 10.25), FLOOD + "！"),
    moment(FLOODERS[2], at("02-14", 10.5), "🔥" + FLOOD),
    moment(FLOODERS[3], at("02-14", 10.75), FLOOD + "～"),
    moment(FLOODERS[0], at("02-15", 9), "晴岚酵素招代理，扫码进群，QQ 2233445566，名额有限"),
    moment(FLOODERS[1], at("02-16", 9), "早安。愿你眼里有光，心中有爱，一路向暖。"),
    moment(FLOODERS[2], at("02-16", 9.5), "早安。愿你眼里有光，心中有爱，一路向暖。"),
    {"text": "没有写平台的一行也算数", "author_id": NEIGHBOUR, "posted_at": at("02-17")},
    {"platform": "Weibo 微博", "text": "平台写错了", "author_id": NEIGHBOUR},
    "[1, 2, 3]",
]
MOMENTS_AGAIN: list[Row] = [  # some of the same, and one more repeat
    moment(NEIGHBOUR, at("01-26", 6.5), SLEET, likes=9),
    moment(NEIGHBOUR, at("01-26", 6.5), SLEET, likes=9),
    moment(NEIGHBOUR, at("01-26", 6.5), SLEET, likes=9),
    moment(FLOODERS[0], at("02-14", 10), FLOOD),
    moment(NEIGHBOUR, at("03-04", 18), "河堤上的柳树绿了，人也多了。", likes=2),
]
QZONE: list[Row] = [
    {"platform": "qzone", "post_id": "q1", "author_id": LIN, "text": SUPPER, "posted_at": at("03-02", 21)},
    {"platform": "qzone", "post_id": "q2", "author_id": LIN, "text": "同学群里有人发了毕业照，没人说话。"},
    {
        "platform": "qzone",
        "post_id": "w1",
        "author_id": HE,
        "text": "同一个号码，另一个平台。",
        "posted_at": at("02-02"),
    },
]
FEED: dict[str, tuple[str, list[Row]]] = {  # file -> when it was gathered, its rows
    "monday.jsonl": ("2026-03-02", MONDAY), "moments.jsonl": ("2026-03-03", MOMENTS), "qzone.jsonl": ("2026-03-03", QZONE),
    "wednesday.jsonl": ("2026-03-04", WEDNESDAY), "moments_again.jsonl": ("2026-03-05", MOMENTS_AGAIN),
}  # fmt: skip


def write_file(path: Path, rows: Iterable[Row], gathered: str = "2026-03-04") -> Path:
    """`rows` as JSON Lines, last modified at noon (UTC) of the day `gathered`."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    noon = datetime.fromisoformat(f"{gathered}T12:00:00").replace(tzinfo=UTC).timestamp()
    os.utime(path, (noon, noon))
    return path


def write_feed(folder: Path) -> Path:
    """The files of the feed in a new `folder`."""
    folder.mkdir(parents=True)
    for name, (gathered, rows) in FEED.items():
        write_file(folder / name, rows, gathered)
    return folder


def need_models() -> None:
    """Skip the test where the models are not beside the code."""
    for name in ("judge", "sentiment", "trust"):
        if not (MODELS / name / "model.json").is_file():
            pytest.skip(f"models/{name} is absent; train it, or restore models/")


@contextmanager
def opened_once() -> Iterator[None]:
    """Every model, and jieba, is opened once for all runs in this process instead of once a run."""
    import pipeline.stages  # noqa: F401 - its rooms stand in sys.modules
    from pipeline import api, run

    once = {"open_reader": _reader, "load_linear": _linear, "load_context": _context}
    with (
        mock.patch.multiple(run, **once),
        mock.patch.multiple(api, **once),
        mock.patch.object(sys.modules["pipeline.stages.trust"], "load_trust", _trust),
    ):
        yield


@cache
def _reader(corpora: Any, *, domain_words: bool = True) -> Any:
    from pipeline.text.reading import open_reader

    return open_reader(corpora, domain_words=domain_words)


@cache
def _linear(folder: Any) -> Any:
    from pipeline.artifacts import load_linear

    return load_linear(folder)


@cache
def _context(folder: Any) -> Any:
    from pipeline.artifacts import load_context

    return load_context(folder)


@cache
def _trust(folder: Any) -> Any:
    from pipeline.artifacts import load_trust

    return load_trust(folder)


def settings_for(lake: Path, *inputs: Path, **more: Any) -> Any:
    """Settings of a run over the committed models."""
    from pipeline.settings import Settings

    stated = {"models": str(MODELS), "corpora": str(CORPORA), "as_of": AS_OF, "workers": 1} | more
    return Settings(lake=str(lake), inputs=tuple(map(str, inputs)), **stated)
