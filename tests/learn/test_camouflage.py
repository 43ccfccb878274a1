from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from pipeline.learn.breakdown import camouflage
from pipeline.learn.camouflage import DISGUISES, camouflaged
from pipeline.learn.labels import Labels
from pipeline.tables import CLASSES

SAID = "加我微信聊面膜代理，免费包邮，QQ群里扫码。今天的晚霞很好看"


def _once(name: str | None) -> str:
    return str(camouflaged(pa.array([SAID]), seed=1, only=name)[0])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("full width", "加我微信聊面膜代理，免费包邮，ＱＱ群里扫码。今天的晚霞很好看"),
        ("taken apart", "力口我彳敚亻言聊面月莫亻弋王里，免费包邮，QQ君羊里扫码。今天的晚霞很好看"),
        ("sound-alike", "伽俄薇芯聊棉模袋里，勉废饱油，QQ裙里少马。今天的晚霞很好看"),
    ],
)
def test_only_contact_and_product_words_are_disguised(name: str, found: str) -> None:
    assert _once(name) == found


def test_zero_width_characters_and_hearts_leave_the_words_between_them() -> None:
    hidden = _once("zero width")
    assert "".join(c for c in hidden if unicodedata.category(c) != "Cf") == SAID
    assert len(hidden) == len(SAID) + len("加我微信面膜代理免费包邮QQ群扫码")
    hearts = _once("heart")
    assert hearts.endswith("今天的晚霞很好看")
    assert "信" not in hearts
    assert any(heart in hearts for heart in "❤♥💗")


def test_each_word_gets_a_disguise_that_changes_it_and_the_seed_says_which() -> None:
    texts = pa.array([SAID] * 20)
    found = camouflaged(texts, seed=3)
    assert found == camouflaged(texts, seed=3)
    assert found != camouflaged(texts, seed=4)
    assert len(set(found.to_pylist())) > 10
    assert all(word not in text for text in found.to_pylist() for word in ("微信", "面膜", "代理", "包邮", "扫码"))
    assert camouflaged(pa.array(["今天的晚霞很好看", ""]), seed=3).to_pylist() == ["今天的晚霞很好看", ""]


def test_figures_of_disguised_words_stand_beside_those_of_plain_ones() -> None:
    n = 40
    label = np.arange(n) % 2
    none = np.array([""] * n, object)
    authors = np.array([f"a{i}" for i in range(n)], object)
    rows = Labels(pa.array([SAID] * n), label, authors, np.zeros(n, np.int64), none, none, none, np.ones(n))
    plain, blind = np.full((n, len(CLASSES)), 0.02), np.full((n, len(CLASSES)), 1 / 6)
    plain[np.arange(n), label] = 0.9
    found = {s.name: s.figures for s in camouflage(rows, plain, {"heart": blind})}
    assert list(found) == ["none", "heart", "heart, broadcasters' words"]
    assert [found[name]["auc"][0] for name in found] == [1.0, 0.5, 1.0]
    assert [found[name]["f1"][0] for name in found] == pytest.approx([1.0, 2 / 3, 1.0])
    assert set(DISGUISES) == {"full width", "heart", "taken apart", "zero width", "sound-alike"}
