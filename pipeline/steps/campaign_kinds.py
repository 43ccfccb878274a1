"""What kind of campaign it is, from what its members are and what its first text says. Part of the campaigns step."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.steps.campaign_facts import Facts
from pipeline.text.codepoints import Ints

KINDS = ("template", "same_author", "repost", "chain", "quote", "flood")
# What a platform puts in place of a post that is gone.
_NOTICE = (
    "^(?:抱歉|该微博|此微博|该内容|内容|根据.{0,6}法律?法规).{0,30}(?:已被|被.{0,4}删除|没有.{0,8}权限|无法查看|不存在)"
)
# What apps, votes and rankings of stars write in the name of who shares them.
_SHARED = (
    "^.{0,60}我(?:刚刚|正在|已经?)?(?:成功)?(?:在|为|给|参[与加]).{1,40}"
    "(?:投[上了]|打榜|打卡|打call|加油啦|点赞啦|贡献|送出应援|加能量|(?i:pick)|抽到|签到|助力)"
    "|快来为(?i:ta)应援|一起拿下.{1,12}榜.{0,3}第一|^我在.{0,3}互粉大厅|领取你的.{0,3}微博.{1,6}礼"
)
# Words by which a text asks to be passed on.
_ASKING = (
    "转发(?:这条|此条|此|本|该|到|给|并|送|抽|[+＋]关注)|(?:求|请|帮忙?|一起|大家|速|疯|必|狂)(?:转发?|扩散)(?:$|[^换变载身账型])"
    "|转给|转起来|转疯|转走|扩散|接力|传递下去|复制(?:这段|此|本|下面)|@.{0,2}[一二两三四五六七八九十0-9]+[个位名]?(?:好友|朋友|人)"
)
_QUOTED = "“[^“”]{8,}”|「[^「」]{8,}」|『[^『』]{8,}』"
_SOURCE = r"(?:——|--|出自|摘自|选自)\s*[^—，。！？\n]{1,16}[。”\s]*$"
_MOSTLY = 0.6


def kinds(facts: Facts, chosen: Ints, texts: pa.ChunkedArray, template: NDArray[np.bool_]) -> pa.Array:
    """The kind of each campaign `chosen` by number, the first of KINDS that fits; `texts`: of their first members;
    `template`: what is_template says of them.

    template: most members are app-made, or the text reads as an app's or a platform's; same_author: one known author wrote
    or reposted them all; repost: most are reposts, of several authors; chain: the text asks to be passed on; quote: most
    of it stands in quotation marks, or its source stands at the end; flood: the rest.
    """
    n_posts = facts.n_posts[chosen]
    reposts = facts.marked[chosen, 1] * 2 > n_posts
    one_author = (facts.n_authors[chosen] == 1) & (facts.n_unknown[chosen] == 0)
    tests = [template, one_author, reposts, _says(texts, _ASKING), _is_quote(texts)]
    return pa.array(np.select(tests, KINDS[:-1], KINDS[-1]), pa.string())


def is_template(facts: Facts, chosen: Ints, texts: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which campaigns `chosen` were written by an app or a platform."""
    return np.asarray((facts.marked[chosen, 0] * 2 > facts.n_posts[chosen]) | _says(texts, f"{_NOTICE}|{_SHARED}"))


def _says(texts: pa.ChunkedArray, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(), bool)


def _is_quote(texts: pa.ChunkedArray) -> NDArray[np.bool_]:
    whole = pc.utf8_length(texts).to_numpy()
    rest = pc.utf8_length(pc.replace_substring_regex(texts, _QUOTED, "")).to_numpy()
    return np.asarray((whole - rest >= _MOSTLY * np.maximum(whole, 1)) | _says(texts, _SOURCE))
