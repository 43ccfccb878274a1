"""Words of the trade in commercial posts: buying abroad, price gaps, product details, and the three marks of a pyramid."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

# The three of recruiting follow the statute against pyramid selling: pay by the head, a fee to enter, pay by the team.
# They are read in posts already judged to sell or recruit, so that each may be wide.
_PATTERNS = {
    "daigou": "代购|海淘|海外直邮|免税店|扫货|人肉(?:带|背)|(?:香港|韩国|日本|澳洲|美国|欧洲|德国|英国)(?:直邮|采购|代)",
    "price_gap": r"(?:专柜|国内|柜台|官网|吊牌|商场|实体店)(?:价格?|卖|要|原价|售价|标价)?[是要卖约近:： ¥￥]{0,3}[0-9]{2}",
    "product_detail": r"[0-9](?:元|块|ml|毫升|g|克|kg|公斤|斤|cm|厘米|码|片|支|瓶|盒)|[¥￥][0-9]|成分|含有|提取|材质|面料|尺码|"
    "规格|净含量|用法|使用方法|早晚|涂抹|功效|口感|适用",
    "headcount": r"(?:推荐|介绍|拉|招|带|发展)(?:来|到|进)?[一1](?:个|名|位|人)[^。！？!?\n]{0,8}(?:奖|返|提成|佣金|赚|[0-9])|"
    r"(?:推荐|介绍|拉人|拉新|招人|人头)(?:奖|提成|返利|返现|佣金|费)",
    "entry_fee": r"(?:入会|加盟|代理|入门|门槛|会员|首批|起步)(?:费|金|款)[^。！？!?\n]{0,4}[0-9]|"
    r"(?:只要|仅需|只需|交|投资|拿货)[0-9]{2,}[元块]?[^。！？!?\n]{0,6}(?:成为|做|当|代理|加盟|加入)",
    "team_pay": r"团队(?:奖|提成|返利|业绩|分红|计酬|收益)|下(?:线|级|家)[^。！？!?\n]{0,6}(?:提成|返利|业绩|分红|奖)|"
    r"(?:管理|育成|极差|级差|培养)(?:奖|津贴)|[二三]级(?:分销|返佣|提成)",
}  # fmt: skip
KINDS = tuple(_PATTERNS)


def trade_words(texts: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """For each of KINDS whether a text holds such words; texts as in posts.text."""
    return {kind: pc.match_substring_regex(texts, pattern) for kind, pattern in _PATTERNS.items()}
