"""What the readers of Weibo's exporters share: addresses, notices in place of posts, authors named by their file."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.file_names import user_id_in
from pipeline.sources.ids import clean_ids, without_zero
from pipeline.sources.records import Records

# An id of 16 digits is the second it was made, counted from _ID_EPOCH, and 22 bits more: of 2,305 posts in exports that
# also state the second, none is more than 4 s off, all but 1% not more than 1 s.
_ID_BITS, _ID_EPOCH = 22, 515_483_463
# What Weibo shows in place of a post that is gone or hidden. It counts only where no author stands beside it.
_NOTICE = (
    r"^\s*(?:抱歉，|该微博|此微博|该账号|该内容|由于作者).{0,80}"
    r"(?:删除|不可见|无法查看|无权查看|不能查看|投诉|仅展示|暂时没有|异常|违反)"
)


def columns_of(rows: Records, names: Mapping[str, str]) -> dict[str, pa.Array]:
    """Columns of raw_posts or raw_authors; of several names separated by spaces the first that holds something counts."""
    said = {name: rows.first(*theirs.split()) for name, theirs in names.items()}
    return {"platform": rows.constant("weibo"), **said}


def parents(ids: pa.Array) -> pa.Array:
    """Ids of other posts, NULL where there is none."""
    return without_zero(clean_ids(ids)[0])


def author_of_file(rows: Records, ids: pa.Array) -> pa.Array:
    """The author ids; where a row has none, the digits that name its file."""
    return pc.coalesce(clean_ids(ids)[0], rows.constant(user_id_in(rows.file_name)))


def url(author_id: pa.Array, bid: pa.Array) -> pa.Array:
    """The post's address; NULL where author or bid are unknown."""
    author, short = clean_ids(author_id)[0], clean_ids(bid)[0]
    return pc.binary_join_element_wise("https://weibo.com", author, short, "/")


def dated_by_id(times: pa.Array, ids: pa.Array) -> pa.Array:
    """The times, but of those without a year (刚刚, 06-14) the second at which Weibo made the id, as epoch seconds."""
    has_year = pc.fill_null(pc.match_substring_regex(times, r"(?:19|20)\d\d"), True)
    clean = clean_ids(ids)[0]
    is_dated = pc.fill_null(pc.match_substring_regex(clean, r"^[3-9]\d{15}$"), False)
    number = pc.if_else(is_dated, clean, None).cast(pa.int64())
    made = pc.add(pc.shift_right(number, _ID_BITS), _ID_EPOCH).cast(pa.string())
    return pc.if_else(pc.or_(has_year, pc.is_null(made)), times, made)


def notice_reasons(text: pa.Array, author_id: pa.Array) -> pa.Array:
    """deleted_post where the text is Weibo's notice that the post is gone, else NULL."""
    is_notice = pc.fill_null(pc.match_substring_regex(text, _NOTICE), False)
    is_gone = pc.and_(is_notice, pc.is_null(clean_ids(author_id)[0]))
    return pc.if_else(is_gone, pa.scalar("deleted_post"), pa.scalar(None, pa.string()))
