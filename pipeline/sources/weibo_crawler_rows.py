"""The names for the cells of a weibo-crawler row that has more or fewer cells than its header.

The exporter appends to files it began years ago under other settings: a newer version's columns, the column 是否原创
where reposts were switched on (original posts end there), the original of a repost, a column that the header lacks. Which
it is shows in the cells: places of ids, dates and counts must fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipeline.sources.records import Names

_NEWEST = (
    "id", "bid", "正文", "头条文章url", "原始图片url", "视频url", "Live Photo视频url", "位置", "日期", "工具", "点赞数", "评论数",
    "转发数", "话题", "@用户", "完整日期", "是否编辑过", "编辑次数",
)  # fmt: skip


def _without(*names: str) -> Names:
    return tuple(name for name in _NEWEST if name not in names)


_LIVE, _EDITED, _FULL, _ARTICLE = "Live Photo视频url", ("是否编辑过", "编辑次数"), "完整日期", "头条文章url"
_PLAIN_2019 = _without("bid", _ARTICLE, _LIVE, _FULL, *_EDITED)
GENERATIONS = (  # of the columns of a post, newest first
    _NEWEST, _without(*_EDITED), _without(_LIVE, *_EDITED), _without(_LIVE, _FULL, *_EDITED),
    _without(_ARTICLE, _LIVE, _FULL, *_EDITED), _PLAIN_2019, ("uid", "用户昵称", *_PLAIN_2019),
)  # fmt: skip
ORIGINAL = "是否原创"
_USERS_LAST, _USERS_PLACE = "上次记录微博信息", "IP属地"
_DATE = re.compile(r"\s*(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}.*|刚刚|今天.*|昨天.*|\d+(?:秒|分钟|小时).*)?", re.DOTALL)
_COUNT = re.compile(r"\s*(?:\d+(?:\.\d+)?[万亿]?\+?)?\s*")
_NUMBER = re.compile(r"\s*\d+(?:\.\d+)?[万亿]?\+?\s*")
_ID = re.compile(r"[\s\ufeff'\"]*(?:\d+|\d(?:\.\d+)?[eE]\+\d+)[\s'\"]*")
_SHAPES = {  # what cells look like, by the end of their column's name
    "bid": re.compile(r"\s*[0-9A-Za-z]{0,12}\s*"), "正文": re.compile(r"(?!\s*\d{13,19}\s*$).*", re.DOTALL),
    "日期": _DATE, "点赞数": _COUNT, "评论数": _COUNT, "转发数": _COUNT, "微博数": _NUMBER, "粉丝数": _NUMBER, "关注数": _NUMBER,
    ORIGINAL: re.compile("True|False"), "是否认证": re.compile("True|False"), "是否编辑过": re.compile("True|False|[01]?"),
}  # fmt: skip


def fit(header: Names, cells: Sequence[str]) -> Names | None:
    """The names for these cells under this header; None where no known version wrote such a row."""
    candidates = _candidates(header, len(cells))
    return next((names for names in candidates if _is_plausible(names, cells)), None)


@lru_cache(maxsize=1024)
def _candidates(header: Names, size: int) -> tuple[Names, ...]:
    of_posts = (names for base in (header, *GENERATIONS) for names in _variants(base))
    known = of_posts if "正文" in header else _users_variants(header)
    return tuple(dict.fromkeys(names for names in known if len(names) == size))


def _variants(base: Names) -> Iterator[Names]:
    """The rows that may stand under these columns of a post: without and with Live Photo, each as an original post and
    as a repost, with and without the two last columns of the reposted one.
    """
    own = base[: base.index(ORIGINAL)] if ORIGINAL in base else base
    for post in (own, _with(own, _LIVE, "视频url")):
        yield post
        yield (*post, ORIGINAL)
        for quoted in (post, own):
            whole = (
                *post,
                ORIGINAL,
                "源用户id",
                "源用户昵称",
                *(f"源微博{n}" for n in quoted if n not in ("uid", "用户昵称")),
            )
            yield whole
            yield whole[:-2]


def _users_variants(header: Names) -> Iterator[Names]:
    for names in (header, _with(header, _USERS_PLACE, "所在地")):
        yield from (names, _with(names, _USERS_LAST, names[-1]))


def _with(names: Names, new: str, after: str) -> Names:
    if new in names or after not in names:
        return names
    place = names.index(after) + 1
    return (*names[:place], new, *names[place:])


def _is_plausible(names: Names, cells: Sequence[str]) -> bool:
    is_first_id = _ID.fullmatch(cells[0]) is not None  # of the post, or in a fork of its author
    is_dated = "日期" not in names or cells[names.index("日期")].strip() != ""
    return (
        is_first_id
        and is_dated
        and all(
            shape.fullmatch(cell)
            for name, cell in zip(names, cells, strict=True)
            if (shape := _SHAPES.get(name.removeprefix("源微博").removeprefix("完整")))
        )
    )
