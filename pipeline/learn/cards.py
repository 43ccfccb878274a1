"""Model cards and recipes, written from measured figures alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.learn.breakdown import LEAST, LEAST_AUTHORS, Slice
from pipeline.learn.judge import Comparison
from pipeline.learn.labels import file_hash
from pipeline.learn.probe import Kind

_LABELS = """The gold labels were made by a large language model reading each post against the class meanings (dev twice, independently,
kappa 0.91); they are not human labels. They are in `corpora/labels/posts_gold.parquet`, keyed by the hash of the text. The public
posts behind them state no licence: their texts are not here (`corpora/registry.toml` says where they are), only weights and
figures; n-grams that fewer than 5 authors used are left out."""


def write_recipe(
    folder: Path, constants: dict[str, Any], inputs: dict[str, Path], fetched: dict[str, str] | None = None
) -> None:
    """recipe.toml: every input by SHA-256, every constant; together with the code they give the same bytes.

    `fetched`: what `fetched_sets` says of the sets that training can do without.
    """
    lines = ["# What this model was made of. The same inputs, constants and code give the same bytes.", "[constants]"]
    lines += [f"{name} = {_toml(value)}" for name, value in sorted(constants.items())]
    lines += ["", "[inputs]  # sha256"] + [f'"{name}" = "{file_hash(path)}"' for name, path in sorted(inputs.items())]
    if fetched:
        lines += ["", "[fetched]  # sha256 of the files' paths and hashes; a set that was not there: absent"]
        lines += [f'"{name}" = "{state}"' for name, state in sorted(fetched.items())]
    (folder / "recipe.toml").write_text("\n".join(lines) + "\n", "utf-8")


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def comparison_rows(comparisons: list[Comparison]) -> list[list[str]]:
    """One row a place and model: place, model, n, AUC, AP, F1, best F1, macro-F1, recruit F1."""
    rows = []
    for c in comparisons:
        for name, figures in (("xinren", c.judge), ("baseline", c.baseline)):
            keys = ("auc", "average_precision", "f1", "best_f1", "macro_f1", "f1_recruit")
            rows.append([c.where, name, f"{figures['n']:.0f}", *(f"{figures[k]:.3f}" for k in keys)])
        gains = [f"{low:+.3f} to {high:+.3f}" for low, high in (c.auc_gain, c.f1_gain)]
        rows.append([c.where, "gain, 95%", "", gains[0], "", gains[1], "", "", ""])
    return rows


COMPARISON_HEAD = ["measured on", "model", "posts", "AUC", "AP", "F1", "best F1", "macro-F1", "recruit F1"]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def slice_rows(slices: list[Slice], *groups: str) -> list[list[str]]:
    """One row a slice of these groups: group, name, posts, broadcasting posts, then each figure with its interval."""
    return [
        [s.group, s.name, f"{s.n:,}", f"{s.n_broadcast:,}", *(_figure(*f) for f in s.figures.values())]
        for s in slices
        if s.group in groups
    ]


def _figure(value: float, low: float, high: float) -> str:
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def kind_rows(kinds: list[Kind]) -> list[list[str]]:
    """One row a kind of the probe: kind, what it is, posts, judged wrong."""
    return [[k.kind, "broadcasting" if k.broadcasts else "not", str(k.n), str(k.wrong)] for k in kinds]


def _labelled(facts: dict[str, Any]) -> str:
    n = facts.get("labelled", 0)
    return f" and {n:,} posts of a lake, labelled by its readers" if n else ""


def _gain(context: dict[str, float]) -> str:
    auc, f1 = ([f"{context[f'{name}_{figure}']:.3f}" for name in ("text", "context")] for figure in ("auc", "f1"))
    return f"AUC {' to '.join(auc)}, F1 {' to '.join(f1)}"


def _accounts(context: dict[str, float]) -> str:
    own = {name.removeprefix("accounts_"): value for name, value in context.items() if name.startswith("accounts_")}
    if not own:
        return ""
    interval = f"{own['f1_gain_low']:+.3f} to {own['f1_gain_high']:+.3f}"
    return f"; of these, {own['n']:.0f} of Weibo accounts: {_gain(own)} (F1 gains {interval}, 95% over authors)"


def _notes() -> str:
    """What was tried and lost: written by hand."""
    return Path(__file__).with_name("judge_notes.md").read_text("utf-8")


SLICE_HEAD = ["", "", "posts", "broadcasting", "AUC", "average precision", "F1"]
RATE_HEAD = [*SLICE_HEAD[:4], "precision", "recall", "F1"]
KIND_HEAD = ["posts written to ask", "it is", "posts", "judged wrong"]
MAIN_GROUPS = ("all", "platform", "data set", "year", "length")


def judge_card(
    comparisons: list[Comparison],
    slices: list[Slice],
    kinds: list[Kind],
    context: dict[str, float],
    facts: dict[str, Any],
) -> str:
    """README.md of models/judge."""
    return f"""# judge: genuine sharing or broadcasting

Six classes (share, sell, recruit, bait, news, auto) from a post's own text: a linear model over character 1-4-grams, jieba
words, cues of the lexicon and steps of form; {facts["entries"]:,} entries in `weights.parquet`, one weight per class, readable
with any Parquet tool. `context/` adds the author's past, the campaign so far and the post's own marks (lines and steps of
single features and weights of apps, in `model.json`).

Version {facts["version"]}, context {facts["context_version"]}, lexicon {facts["lexicon"]}. Trained by
`xinren train judge --data DIR` on {facts["gold"]:,} gold posts, {facts["read"]:,} public posts read once more because they were hard
to tell (`corpora/labels/posts_read.parquet`), {facts["own"]:,} posts written for this project (`corpora/posts`){_labelled(facts)},
{facts["reviews"]:,} reviews of shops and hotels as sharing (at three tenths of the weight), and {facts["unlabelled"]:,} public
posts without a label, of which the clear ones are learned from at a twentieth of the weight
(`pipeline/learn/self_training.py`); inputs by hash in `recipe.toml`.

## How well
Broadcast (sell, recruit, bait) against share, news and auto left out; F1 at 0.5; the baseline is TF-IDF of character
1-4-grams and jieba words with logistic regression. `xinren evaluate judge --data DIR` prints these tables.

{markdown(COMPARISON_HEAD, comparison_rows(comparisons))}

5-fold: no author or near-duplicate crosses a fold; many rows were drawn because they are hard, so only the random stratum
is a natural mix (there {facts["base_rate"]:.0%} of posts broadcast; calibration is fitted there, expected calibration error
{facts["calibration_error"]:.3f} over 10 bins). dev.csv: its authors were left out of training; only
{facts["dev_broadcast"]:.0f} broadcast posts, so its intervals are wide.

Of {facts["reviews_held_out"]:,} reviews that were not learned from, {facts["reviews_flagged"]:.2%} are flagged
at the base rate of the settings (0.3).

Context, on {context["n"]:.0f} gold posts whose authors' histories are at hand, cross-validated by fold, F1 at base rate 0.3:
{_gain(context)}{_accounts(context)}.

## Where
Out of fold over all gold posts, 95% intervals over authors. Slices with fewer than {LEAST} posts or {LEAST_AUTHORS} authors on
either side are left out. The year is the post's own, or its data set's.

{markdown(SLICE_HEAD, slice_rows(slices, *MAIN_GROUPS))}

Classes (the likeliest of six), and flagging in use at a stated share of broadcasting in the feed (random stratum reweighted
to it; news and app-made posts are there too, and count as not broadcasting):

{markdown(RATE_HEAD, slice_rows(slices, "class", "base rate"))}

Contact and product words in disguise (`pipeline/learn/camouflage.py`: full width, a heart, characters taken apart, zero-width
characters, sound-alikes), over all gold posts; models and calibration are those of the plain texts:

{markdown(SLICE_HEAD, slice_rows(slices, "camouflage"))}

![precision and recall](precision_recall.svg) ![calibration](calibration.svg)

## Which kinds it gets wrong
`corpora/probe/posts.csv`: posts written for this project to ask what a careful reader would ask, never trained on; by text
alone, at the base rate of the settings (0.3). Few of each kind: a sign, no measurement.

{markdown(KIND_HEAD, kind_rows(kinds))}

The hardest errors of the version in use, read one by one and described: `corpora/probe/README.md`.

{_notes()}
## Limits
Soft advertisements on Xiaohongshu are the weakest spot ({facts["xhs"]}).
Recruiting is rare in the natural mix, so its F1 hangs on few posts. Trained on 2012-2018 Weibo and Xiaohongshu and on 2020
Weibo; the own posts carry later years. Contact handles are replaced before judging, so that the judge knows that one is
there, never which.

{_LABELS}
"""


def trust_card(measured: dict[str, Any], facts: dict[str, Any]) -> str:
    """README.md of models/trust."""
    whole, early = measured["all_posts"], measured["first_posts"]
    used = set(facts["features"])
    ranked = sorted(whole["alone"].items(), key=lambda pair: (-abs(pair[1] - 0.5), pair[0]))
    rows = [[f"`{name}`", f"{auc:.3f}", "yes" if name in used else ""] for name, auc in ranked]
    dated = [
        [day, str(f["n_authors"]), _figure(f["auc"], f["auc_low"], f["auc_high"]), f"{f['reversed_trust_score']:.3f}"]
        for day, f in sorted(measured["as_of"].items())
    ]
    spans = [f"{f['auc']:.3f} ({f['auc_low']:.3f} to {f['auc_high']:.3f})" for f in (whole, early)]
    return f"""# trust: the learned part

`spam_author_probability`: the mean of two log-odds over author features of `author_trust`, lines (logistic regression) and
{facts["steps"]} boosted steps; additive, so that what each feature adds can be read from `model.json`. The features come from posts
(text, time, kind, counts, app) and the account's followers, followed accounts and posts where a source states them.
Version {facts["version"]}. Trained by `xinren train trust --data DIR` on {whole["n_authors"]} labelled Weibo accounts
({facts["spammers"]} spammers; weibo_authors, labelled 2014-15, posts gathered in 2017), as of the newest day of the set.

Monotone where it must be: more selling, recruiting, repeats or floods never lowers the number, more paving or talk with
others never raises it (a line with the wrong sign was left out, a step the wrong way is not taken).

## How well
Cross-validated over authors (5 folds; features chosen and everything fitted anew in each; 95% interval over draws of authors):

| posts of each account | AUC |
|---|---|
| all (about 50) | {spans[0]} |
| the first {facts["first_posts"]} | {spans[1]} |

Expected calibration error over 10 bins: {whole["calibration_error"]:.3f}. `trust_score` turned round (it was fitted to no label, though the
form of its components was chosen with these accounts in view): AUC {measured["reversed_trust_score"]:.3f}.

The accounts were labelled in 2014-15 and their newest 50 posts gathered in 2017. The further a post lies from the label,
the less the label says of it: the same recipe fitted and cross-validated on the accounts as they stood at earlier days,
with at least 5 posts by then:

{markdown(["as of", "accounts", "AUC", "trust_score turned round"], dated)}

The judge's gold posts include posts of these accounts. Measured apart with judge 0c83874d3158, with every account judged
by a model of the judge's folds that saw none of its posts, the AUC was the same to .001 and that of `trust_score` .005 lower.

## What was tried and lost
By three to five repeats of the cross-validation, judged by the mean AUC: lines alone (-.006) or steps alone (-.004); boosted
trees of up to eight leaves averaged with the lines (+.003), a gain within the interval that would cost the additive table;
twice the steps, heavier penalties (.000); ranks in place of logarithms (.000); a text model on the account labels, words and
character n-grams of all posts of an account (.76 alone, .74 as the mean over posts; nothing beyond the features, -.002);
some 90 more features of gaps, weekdays,
classes of apps (phone, web, marketing tools) and of own posts and reposts apart (none but own broadcasting, and that in
`trust_score`); rows of the same accounts at earlier days as further examples (+.001); less weight for accounts active in 2017
(-.002). By a quicker screen of two or three repeats, `echo_share` chosen among some 140 candidates on these same labels
(+.011, hence somewhat optimistic): beside it means of the six classes and of emotions, quantiles of broadcasting, thirds of the
history, classes of apps, minutes and gaps (none above +.003); echoes of folded texts (+.008), of the last 3, 10 or all posts
(no more than of the last one).
Days of silence would add .014 under boosting and are left out on purpose; leaving out all else that moves while an account
is silent cost nothing (+.001).

## Each feature alone
Above 0.5: more of it means a spammer. Over the accounts of which it is known.

{markdown(["feature", "AUC", "in the model"], rows)}

`trust_score` is not learned: it is the documented form in `pipeline/steps/trust.py`, each component a column beside it.

## Limits
Accounts of one platform and one time, half of them spammers: elsewhere the number ranks authors, but is no share of
anything. Half of a spammer's posts are ordinary posts, and an account label says nothing of
when it turned. What moves while an account is silent (days of silence, shares of the last days, paving_days)
is not learned from, whatever its AUC here.
The public data state no licence: no text or id is here, only coefficients and figures.
"""
