from __future__ import annotations

from tests.tiny import reader, strings


def test_a_wordy_token_holds_a_letter_or_a_number() -> None:
    reading = reader().read(strings("我 买了3盒!！🧧", "、。", "½ 二"))
    words = [w for tokens in reader().segmenter.texts(["我 买了3盒!!🧧", "、。", "1⁄2 二"]) for w in tokens]
    assert reading.wordy.tolist() == [any(c.isalnum() for c in word) for word in words]


def test_without_places_cues_are_counted_alone() -> None:
    texts = strings("招代理，一件代发，加微信", "今天好开心", None)
    whole, counted = reader().read(texts), reader().read(texts, places=False)
    assert len(whole.hits.starts) > len(counted.hits.starts) == 0
    assert counted.cue_counts.tolist() == whole.cue_counts.tolist()
    assert {name: values.tolist() for name, values in counted.form.items()} == {
        name: values.tolist() for name, values in whole.form.items()
    }
