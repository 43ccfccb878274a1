"""Contact and product words in disguise, as sellers write them to pass a filter: what the judge loses by that is measured.

Five disguises: full width, a heart for 心 or 信, characters taken apart, zero-width characters inside the word, and
sound-alikes. The tables are this module's own: the fold of pipeline.text.normalise is not asked what it knows.
"""

from __future__ import annotations

import random
import re

import pyarrow as pa

_WORDS = (
    "加我|加微|微信|私信|私聊|联系|咨询|电话|扫码|二维码|群|公众号|主页|淘宝|店铺|下单|链接|代理|加盟|招商|兼职|赚钱|"
    "创业|货源|批发|代购|现货|包邮|正品|优惠|折扣|特价|秒杀|促销|抽奖|红包|免费|团购|面膜|减肥|瘦身|美白|祛斑|护肤|"
    "口红|香水|奶粉|保健|贷款|股票|彩票|理财|微商|关注|转发|新款|专柜|品牌|活动|体验|产品|效果|客户|价格"
)
_LATIN = r"(?<![a-z0-9/.@])(?:qq|wechat|weixin|vx|wx|v信)(?![a-z])"
_TARGET = re.compile(f"{_WORDS}|{_LATIN}", re.IGNORECASE)
_PARTS = """
信亻言 代亻弋 加力口 钱钅戋 好女子 理王里 购贝勾 聊耳卯 群君羊 如女口 私禾ム 货化贝 体亻本 他亻也 期其月 联耳关 微彳敚 膜月莫 客宀各
"""
APART = dict(re.findall(r"(\S)(\S+)", _PARTS))
SOUNDS = dict(
    zip(
        "微信加我私聊联系咨询电话扫码群淘宝店单代理盟商兼职赚钱创货源批发购现包邮正品优惠折价秒杀促抽奖免费团面膜减肥瘦身美白护肤口红贷款股票彩财关注",
        "薇芯伽俄思撩莲西姿寻店画少马裙掏饱电担袋里萌伤间直转前闯或元披花够线饱油政拼忧会哲家妙沙醋丑将勉废湍棉模剪飞受深镁百户夫扣洪带宽古飘踩才观住",
        strict=True,
    )
)
_ZERO_WIDTH = "\u200b\u200c\u200d\ufeff"
_HEARTS = "❤♥💗"


def _full_width(word: str, _: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)


def _heart(word: str, dice: random.Random) -> str:
    heart = dice.choice(_HEARTS)
    changed = re.sub("[心信]", heart, word)
    return changed if changed != word else heart.join(word)


def _apart(word: str, _: random.Random) -> str:
    return "".join(APART.get(c, c) for c in word)


def _zero_width(word: str, dice: random.Random) -> str:
    return "".join(c + dice.choice(_ZERO_WIDTH) for c in word)


def _sound_alike(word: str, _: random.Random) -> str:
    return "".join(SOUNDS.get(c, c) for c in word)


DISGUISES = {
    "full width": _full_width, "heart": _heart, "taken apart": _apart, "zero width": _zero_width, "sound-alike": _sound_alike,
}  # fmt: skip


def camouflaged(texts: pa.Array, *, seed: int, only: str | None = None) -> pa.Array:
    """Each text with all its contact and product words disguised, each by one of DISGUISES at random (or by `only`).

    A disguise that leaves the word as it is gives way to the next in turn; zero width fits every word.
    """
    dice = random.Random(seed)  # noqa: S311 - no secret is drawn

    def disguised(found: re.Match[str]) -> str:
        word = found.group()
        names = [only] if only else dice.sample(list(DISGUISES), len(DISGUISES))
        return next((changed for name in names if (changed := DISGUISES[name](word, dice)) != word), word)

    return pa.array([_TARGET.sub(disguised, text) for text in texts.to_pylist()], pa.string())
