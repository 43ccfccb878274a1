"""Floods to plant among real posts: copies of one text, each changed as people who flood change them.

Eight kinds of edit, each of which keeps most of the words; the amounts are drawn at random, up to what a reader still
takes for the same post. Camouflage puts up to three disguises on top. The look-alikes and homophones are a list of its
own, most of which the fold of pipeline.text.folding does not know.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

EMOJI = "😀😂🎉🔥💰👍❤🌹💪🙏✨🌟👏🎁💄👜🚗🍎☀⭐➕📣📢💋🎀"
EMOTICONS = ("[哈哈]", "[泪]", "[威武]", "[给力]", "[爱你]", "[鼓掌]", "(￣▽￣)", "(≧ω≦)", "ヾ(^▽^*)", "~~~", "！！！")
SEPARATORS = " .·、-_|/~*丶灬"
GREETINGS = (
    "姐妹们",
    "大家好",
    "亲们看过来",
    "各位好友",
    "早安",
    "朋友们注意啦",
    "哈喽大家好呀",
    "急急急",
    "限时",
    "宝子们快看",
    "转给需要的人",
)
ALIKE = (
    "的地得", "做作", "在再", "微薇威", "信芯", "加伽佳", "代带", "理里", "赚转", "钱前线", "买麦", "卖迈", "好号", "友有", "圈全",
    "货或", "源原", "质制", "价架", "优忧", "惠会", "免勉", "费废", "招找", "兼间", "职直", "天添", "日曰", "人入", "大太", "未末",
    "己已", "土士", "今令", "我俄", "你尼", "他她它", "是事", "不布", "了乐", "们门", "这着", "那哪", "就久", "要药", "没梅", "看刊",
    "时实", "多哆", "少稍", "新心", "品拼", "手首", "机鸡", "车扯", "房防", "家佳", "生声", "活火", "爱艾", "心新", "美镁", "丽利",
)  # fmt: skip
_KEPT = re.compile(
    r"(https?://[!-~]*|@[^\s:：,，@]{1,15}|\[[^\[\]]{1,8}\])"
)  # nobody disguises a link, a name or an emoticon
_DIGITS = re.compile(r"[0-9]+")
_CLAUSES = re.compile(r"[^，。！？；,.!?;\n ]+[，。！？；,.!?;\n ]*")


@dataclass(frozen=True)
class Copy:
    """One planted post."""

    text: str
    flood: int
    edit: str


def emoji_tail(text: str, dice: random.Random) -> str:
    """Emoji, emoticons and marks at the end."""
    return text + "".join(dice.choice([dice.choice(EMOJI), dice.choice(EMOTICONS)]) for _ in range(dice.randint(1, 12)))


def swapped_clauses(text: str, dice: random.Random) -> str:
    """Two clauses change places, or the first goes to the end."""
    clauses = _CLAUSES.findall(text)
    if len(clauses) < 2:
        return text[len(text) // 2 :] + text[: len(text) // 2]
    i, j = sorted(dice.sample(range(len(clauses)), 2))
    clauses[i], clauses[j] = clauses[j], clauses[i]
    return "".join(clauses)


def separators(text: str, dice: random.Random) -> str:
    """A sign between some of the characters, or between all."""
    sign, share = dice.choice(SEPARATORS), dice.choice([0.05, 0.2, 1.0])
    return _each(text, lambda c: c + sign if dice.random() < share else c)


def look_alikes(text: str, dice: random.Random) -> str:
    """Some of the characters, one in 15 of all at most, for ones that sound or look like them."""
    places = [i for i, c in enumerate(text) if any(c in group for group in ALIKE)]
    chars = list(text)
    for i in dice.sample(places, min(len(places), dice.randint(1, max(1, len(text) // 15)))):
        group = next(group for group in ALIKE if chars[i] in group)
        chars[i] = dice.choice(group.replace(chars[i], ""))
    return "".join(chars)


def other_contacts(text: str, dice: random.Random) -> str:
    """Other numbers, and another contact or link at the end."""
    text = _DIGITS.sub(lambda m: "".join(dice.choice("0123456789") for _ in m[0]), text)
    handle = "".join(dice.choice("abcdefghkmnpqrstuwxyz") for _ in range(5)) + str(dice.randint(100, 9999))
    return text + dice.choice(
        [f" 微信：{handle}", f" 加v {handle}", f" http://t.cn/{handle}", f" QQ {dice.randint(10**8, 10**9)}"]
    )


def greeting(text: str, dice: random.Random) -> str:
    """Some words before it."""
    return dice.choice(GREETINGS) + dice.choice("，！ ") + text


def cut(text: str, dice: random.Random) -> str:
    """Up to a sixth of it cut off at one end."""
    keep = round(len(text) * dice.uniform(0.84, 0.97))
    return text[:keep] if dice.random() < 0.7 else text[-keep:]


def traditional(text: str, dice: random.Random) -> str:
    """Traditional characters, full-width letters and digits."""
    return _each(
        _to_traditional(text),
        lambda c: chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() and dice.random() < 0.5 else c,
    )


def zero_width(text: str, dice: random.Random) -> str:
    """Characters that show nothing between the others."""
    return _each(text, lambda c: c + dice.choice("\u200b\u200c\u2060\ufeff") if dice.random() < 0.3 else c)


def stretched(text: str, dice: random.Random) -> str:
    """Some letters written several times."""
    return _each(text, lambda c: c * dice.randint(2, 4) if c.isalpha() and dice.random() < 0.06 else c)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    f.__name__: f
    for f in (emoji_tail, swapped_clauses, separators, look_alikes, other_contacts, greeting, cut, traditional)
}
DISGUISES = (separators, look_alikes, traditional, zero_width, stretched, emoji_tail)


def plant(texts: list[str], dice: random.Random, *, camouflage: bool, sizes: tuple[int, int] = (3, 200)) -> list[Copy]:
    """Copies of each text, as many as the sizes allow (small floods are commoner than large), each with one edit.

    With `camouflage` each copy has one to three disguises besides. No copy is the text itself unless an edit leaves it.
    """
    low, high = sizes
    copies = []
    for flood, text in enumerate(texts):
        for _ in range(round(low * (high / low) ** dice.random())):
            edit = dice.choice(list(EDITS))
            changed = EDITS[edit](text, dice)
            for disguise in dice.sample(DISGUISES, dice.randint(1, 3)) if camouflage else ():
                changed = disguise(changed, dice)
            copies.append(Copy(changed, flood, edit))
    return copies


def _each(text: str, change: Callable[[str], str]) -> str:
    """`change` done to each character outside links, names and emoticons."""
    parts = _KEPT.split(text)
    return "".join(part if i % 2 else "".join(change(c) for c in part) for i, part in enumerate(parts))


def _to_traditional(text: str) -> str:
    from opencc_pyo3 import OpenCC

    return OpenCC("s2t").convert(text)
