"""QQ空间's own markup in texts: emoticons by number, mentions with the id, the tags of old entries."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

PLATFORM = "qzone"
_FIRST = 100  # [em]e100[/em] is the first of these, as QQ names its old set of faces
_NAMES = (
    "微笑 撇嘴 色 发呆 得意 流泪 害羞 闭嘴 睡 大哭 尴尬 发怒 调皮 呲牙 惊讶 难过 酷 冷汗 抓狂 吐 偷笑 可爱 白眼 傲慢 饥饿 困 惊恐 流汗 "
    "憨笑 大兵 奋斗 咒骂 疑问 嘘 晕 折磨 衰 骷髅 敲打 再见 擦汗 抠鼻 鼓掌 糗大了 坏笑 左哼哼 右哼哼 哈欠 鄙视 委屈 快哭了 阴险 亲亲 吓 "
    "可怜 菜刀 西瓜 啤酒 篮球 乒乓 咖啡 饭 猪头 玫瑰 凋谢 示爱 爱心 心碎 蛋糕 闪电 炸弹 刀 足球 瓢虫 便便 月亮 太阳 礼物 拥抱 强 弱 握手 "
    "胜利 抱拳 勾引 拳头 差劲 爱你 NO OK 爱情 飞吻 跳跳 发抖 怄火 转圈 磕头 回头 跳绳 挥手 激动 街舞 献吻 左太极 右太极"
)
_FACES = _NAMES.split()
_EMOTICON = r"\[em\](e\d{1,9})\[/em\]"
_MENTION = r"@\{uin:\d*,nick:([^{}]*?)(?:,who:\d*)?(?:,auto:\d*)?\}"
_TAG = r"\[/?(?:ft|ffg|url|img|card)(?:[=,][^\[\]]*)?\]"


def to_text(texts: pa.Array) -> pa.Array:
    """The texts a reader would see: [em]e113[/em] is [呲牙], or [e400] where its name is not known; a mention is @name."""
    texts = pc.replace_substring_regex(texts, _MENTION, r"@\1 ")
    texts = pc.replace_substring_regex(texts, _TAG, "")
    if not pc.any(pc.match_substring(texts, "[em]")).as_py():
        return texts
    for number, name in enumerate(_FACES, _FIRST):  # per face, in columns that have one
        texts = pc.replace_substring(texts, f"[em]e{number}[/em]", f"[{name}]")
    return pc.replace_substring_regex(texts, _EMOTICON, r"[\1]")
