from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from tests.tiny import DIARY, POSTS, RECRUITING, reader, strings


@settings(deadline=None, max_examples=50)
@given(POSTS)
def test_some_of_a_reading_are_the_reading_of_some(texts: list[str | None]) -> None:
    texts = [*texts, RECRUITING, DIARY, None, RECRUITING]
    rows = np.arange(0, len(texts), 2)
    some, want = reader().read(strings(*texts)).take(rows), reader().read(strings(*[texts[i] for i in rows]))
    assert some.original.joined == want.original.joined
    assert some.folded.batch.joined == want.folded.batch.joined
    assert some.folded.source.tolist() == want.folded.source.tolist()
    for ours, theirs in ((some.folded.rule_counts, want.folded.rule_counts), (some.form, want.form)):
        assert {name: n.tolist() for name, n in ours.items()} == {name: n.tolist() for name, n in theirs.items()}
    for name in ("ids", "starts", "ends", "offsets"):
        assert getattr(some.tokens, name).tolist() == getattr(want.tokens, name).tolist()
    spans = [
        set(zip(r.hits.starts.tolist(), r.hits.ends.tolist(), r.hits.cue.tolist(), strict=True)) for r in (some, want)
    ]
    assert spans[0] == spans[1]
    assert some.cue_counts.tolist() == want.cue_counts.tolist()


def test_a_wordy_token_holds_a_letter_or_a_number() -> None:
    reading = reader().read(strings("我 买了3盒!！🧧", "、。", "½ 二"))
    words = [w for tokens in reader().segmenter.texts(["我 买了3盒!!🧧", "、。", "1⁄2 二"]) for w in tokens]
    assert reading.wordy.tolist() == [any(c.isalnum() for c in word) for word in words]
