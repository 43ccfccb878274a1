from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.text.trade import KINDS, trade_words

HITS = {
    "daigou": ["韩国代购今晚出发", "德国直邮奶粉", "周末去免税店扫货"],
    "price_gap": ["专柜价820，我这里一半", "国内卖1280的包包", "官网标价 399"],
    "product_detail": ["每盒25ml，五片装", "含有蜂蜜和燕麦", "纯棉面料，尺码齐全", "只要¥59"],
    "headcount": ["推荐一个人奖励五十", "每招1名代理返100", "介绍费当天到账", "人头奖日结"],
    "entry_fee": ["代理费只要300", "首批款另付2000", "仅需198就能做代理"],
    "team_pay": ["团队业绩有分红", "下级出货你拿提成", "管理奖和育成奖"],
}
MISSES = {
    "daigou": ["我在韩国逛街", "代我问好"],
    "price_gap": ["国内旅游去了12个地方！共58天", "专柜服务很好"],
    "product_detail": ["诚招代理，躺着赚钱", "来加入我们"],
    "headcount": ["推荐一部电影", "招代理了"],
    "entry_fee": ["零门槛，不收费", "今年工资涨了300"],
    "team_pay": ["我们团队聚餐", "下级路口左转"],
}


def _found(text: str) -> set[str]:
    return {kind for kind, hits in trade_words(pa.chunked_array([[text]])).items() if hits[0].as_py()}


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_the_trade(kind: str) -> None:
    assert [text for text in HITS[kind] if kind not in _found(text)] == []
    assert [text for text in MISSES[kind] if kind in _found(text)] == []
