from __future__ import annotations

from tests.tiny import reader, strings


def test_a_wordy_token_holds_a_letter_or_a_number() -> None:
    reading = reader().read(strings("我 买了3盒!！🧧", "、。", "½ 二"))
    words = [w for tokens in reader().segmenter.texts(["我 买了3盒!!🧧", "、。", "1⁄2 二"]) for w in tokens]
    assert reading.wordy.tolist() == [any(c.isalnum() for c in word) for word in words]
