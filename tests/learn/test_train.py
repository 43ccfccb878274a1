from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import learn_commands
from pipeline.artifacts import (
    load_context,
    load_emotion,
    load_intensity,
    load_linear,
    load_trust,
    save_linear,
    save_values,
)
from pipeline.errors import PermanentError, UsageError
from pipeline.learn import context, evaluation, feelings, histories, judge, labels, metrics, sentiment
from pipeline.learn.baseline import baseline_probabilities
from pipeline.learn.cards import judge_card, markdown, write_recipe
from pipeline.learn.fit import Entries, Weights
from pipeline.learn.labels import OWN_FOLD, file_hash
from pipeline.learn.public_posts import FILES as PUBLIC
from pipeline.learn.public_posts import public_posts
from pipeline.learn.reviews import reviews
from pipeline.learn.train import promote, train
from pipeline.settings import Settings
from pipeline.tables import CLASSES, EMOTIONS, INTENSITY, SENTIMENTS, schema
from pipeline.text.reading import open_reader
from pipeline.text.segment import segment_texts
from pipeline.trust_model import TrustModel
from tests.tiny import CORPORA, DIARY, RECRUITING, context_model, judge_model, reader, strings

FILES = ["README.md", "metrics.json", "model.json", "recipe.toml", "weights.parquet"]
PLOTS = ["calibration.svg", "precision_recall.svg"]
TRUST = TrustModel("v", ("paving_days",), (True,), (0.0,), (3.25,), (1.5,), (-0.5,), 0.125)


def _guesses(rows: labels.Labels, folds: Any, say: Any, *, train_rows: Any = None, other: Any = None) -> Any:
    """In place of the baseline, which takes most of the time and has its own test."""
    n = len(rows if other is None else other)
    return np.random.default_rng(n).dirichlet(np.ones(len(CLASSES)), n)


@pytest.fixture(scope="session")
def quick() -> Iterator[None]:
    """20 bootstrap draws instead of 300, and guesses for a baseline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(metrics.interval.__kwdefaults__, "draws", 20)
        patch.setattr(judge, "baseline_probabilities", _guesses)
        yield


@pytest.fixture(scope="session")
def judged(data: Path, small: Settings, tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:
    """A judge trained by the command's own function."""
    out = tmp_path_factory.mktemp("candidates") / "judge"
    said: list[str] = []
    figures = train("judge", data, small, out, said.append)
    assert set(figures) == {"auc", "f1", "context_f1"}
    assert "fold 5 of 5" in said
    return out


@pytest.fixture(scope="session")
def read(data: Path, small: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The small settings, with the feelings in the crowd's posts as somebody read them: every other is strong."""
    corpora = tmp_path_factory.mktemp("read") / "corpora"
    shutil.copytree(small.corpora, corpora)
    posts = public_posts(data)
    posts = posts.filter(pc.equal(posts["dataset"], "weibo_covid_579k"))
    strong = pc.match_substring(posts["text"], "在家").to_pylist()
    (corpora / "labels").mkdir()
    said = {
        "side": ["positive" if s else "neutral" for s in strong],
        "emotion": ["happy" if s else "neutral" for s in strong],
    }
    table = pa.table({"text_hash": posts["text_hash"], **said, "strength": [3 * s for s in strong]})
    pq.write_table(table, corpora / feelings.FELT)
    return small.model_copy(update={"corpora": str(corpora)})


@pytest.fixture(scope="session")
def felt(data: Path, read: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentiment model, likewise."""
    out = tmp_path_factory.mktemp("candidates") / "sentiment"
    figures = train("sentiment", data, read, out, lambda _: None)
    assert set(figures) >= {"polarity of smp2020 usual", "polarity of chnsenticorp_hotel", "macro-F1"}
    return out


def test_a_judge_is_a_whole_folder_with_card_recipe_and_figures(judged: Path, data: Path, small: Settings) -> None:
    assert sorted(p.name for p in judged.iterdir()) == sorted([*FILES, *PLOTS, "context"])
    model, known = load_linear(judged), load_context(judged / "context")
    assert model.classes == CLASSES
    assert model.lexicon_version == reader().lexicon.version
    recipe = tomllib.loads((judged / "recipe.toml").read_text("utf-8"))
    assert recipe["constants"]["min_authors"] == 5
    assert recipe["inputs"]["posts_gold/train.csv"] == file_hash(data / "posts_gold/train.csv")
    assert recipe["inputs"]["corpora/posts/own.csv"] == file_hash(Path(small.corpora) / "posts/own.csv")
    assert len(recipe["inputs"]) == 12
    found = json.loads((judged / "metrics.json").read_text("utf-8"))
    assert [c["where"] for c in found["comparisons"]] == [
        "5-fold",
        "5-fold, random stratum",
        "dev.csv, dev authors left out",
    ]
    card = (judged / "README.md").read_text("utf-8")
    for said in (model.version, known.version, "not human labels", f"{found['comparisons'][0]['judge']['auc']:.3f}"):
        assert said in card


def test_the_trained_judge_tells_recruiting_from_a_diary(judged: Path) -> None:
    model = load_linear(judged)
    recruiting, diary = model.probabilities(reader(), reader().read(strings(RECRUITING, DIARY)))
    loud = [CLASSES.index(c) for c in ("sell", "recruit", "bait")]
    assert recruiting[loud].sum() > 0.5 > diary[loud].sum()


def test_no_text_author_or_path_of_the_data_is_in_the_folder(judged: Path, data: Path) -> None:
    gold = labels.gold(data / "posts_gold" / "train.csv")
    entries = set(load_linear(judged).entries["text"].to_pylist())
    words = "".join(p.read_text("utf-8") for p in judged.rglob("*") if p.suffix in (".md", ".json", ".toml"))
    for text, author in zip(gold.texts.to_pylist(), gold.author.tolist(), strict=True):
        assert text not in entries or len(text) <= 4
        assert len(text) < 8 or text not in words
        assert f'"{author}"' not in words
    assert str(data) not in words


def test_training_again_gives_the_same_bytes(judged: Path, data: Path, small: Settings, tmp_path: Path) -> None:
    train("judge", data, small, tmp_path / "again", lambda _: None)
    for path in judged.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(judged)).read_bytes(), path.name


def test_the_card_can_be_written_anew_and_the_model_stays(
    judged: Path, data: Path, small: Settings, tmp_path: Path
) -> None:
    home = tmp_path / "judge"
    shutil.copytree(judged, home)
    for name in ("README.md", *PLOTS):
        (home / name).unlink()
    found = evaluation.evaluate_recipe(data, small, lambda _: None, card=home)
    assert {s.group for s in found.slices} >= {"all", "platform", "class", "base rate"}
    for path in judged.rglob("*.*"):
        assert path.read_bytes() == (home / path.relative_to(judged)).read_bytes(), path.name


def test_a_card_is_not_written_from_other_data(judged: Path, data: Path, small: Settings, tmp_path: Path) -> None:
    shutil.copytree(data / "posts_gold", tmp_path / "posts_gold")
    with (tmp_path / "posts_gold" / "train.csv").open("a", encoding="utf-8") as file:
        file.write("weibo_2014,zz,1,,又是一天,share,1,random,0\n")
    with pytest.raises(PermanentError, match=r"train\.csv is not the file it was trained on"):
        evaluation.evaluate_recipe(tmp_path, small, lambda _: None, card=judged)


def test_a_card_is_not_written_where_a_fetched_set_came_or_went(
    judged: Path, data: Path, small: Settings, tmp_path: Path
) -> None:
    shutil.copytree(small.corpora, tmp_path / "corpora")
    notes = tmp_path / "corpora" / "public" / "lake" / "notes.csv"
    notes.parent.mkdir(parents=True)
    notes.write_text("desc\n风很大\n", "utf-8")
    (tmp_path / "corpora" / "registry.toml").write_text(
        'address = "x"\ngit = "y"\n[sets.lake]\ncolumns = { text = "desc" }\n'
        f'[sets.lake.files]\n"notes.csv" = "{file_hash(notes)}"\n',
        "utf-8",
    )
    with_lake = small.model_copy(update={"corpora": str(tmp_path / "corpora")})
    with pytest.raises(PermanentError, match="set lake was not there when it was trained"):
        evaluation.evaluate_recipe(data, with_lake, lambda _: None, card=judged)


def test_labelled_posts_of_a_lake_are_trained_on_in_every_fold(data: Path, small: Settings) -> None:
    own = judge.training_corpus(data, Path(small.corpora), reader())
    more = own.labels.take(np.arange(len(own.labels)) < 3)
    more = replace(more, fold=np.full(3, OWN_FOLD, np.int64))
    both = judge.training_corpus(data, Path(small.corpora), reader(), more)
    assert len(both.labels) == len(own.labels) + 3
    assert (both.labels.fold[-3:] == OWN_FOLD).all()


def test_the_card_says_how_many_posts_of_a_lake_were_trained_on(judged: Path) -> None:
    told = json.loads((judged / "metrics.json").read_text("utf-8"))
    assert "labelled by its readers" not in (judged / "README.md").read_text("utf-8")
    card = judge_card([], [], [], told["context"], told["facts"] | {"labelled": 37})
    assert "(`corpora/posts`) and 37 posts of a lake, labelled by its readers,\n" in card


def test_disputed_rows_are_no_training_rows(data: Path, small: Settings, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    with (tmp_path / "data" / "posts_gold" / "train.csv").open("a", encoding="utf-8") as file:
        file.write("weibo_2014,zz,1,,难说这是什么,disputed,1,random,0\n")
    corpus = judge.training_corpus(tmp_path / "data", Path(small.corpora), reader())
    assert (corpus.labels.label >= 0).all()
    assert len(corpus.labels) == len(corpus.reading) == 360 + len(reviews(data, learned=True))


def test_no_row_is_judged_by_a_model_that_saw_its_fold(
    data: Path, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = judge.training_corpus(data, Path(small.corpora), reader())
    fold = corpus.labels.fold
    seen: list[np.ndarray] = []  # type: ignore[type-arg]

    others: list[np.ndarray] = []  # type: ignore[type-arg]

    def remember(reader: Any, reading: Any, rows: Any, known: Any, pool: Any, allowed: Any, *, seed: int) -> Any:
        seen.append(rows)
        others.append(allowed)
        nothing = Entries([], [], ["chars>=1"], np.zeros(0, np.float32))
        return nothing, Weights(np.zeros((1, len(CLASSES))), np.full(len(CLASSES), float(len(seen))))

    monkeypatch.setattr(judge, "fit_posts", remember)
    logits = judge.out_of_fold(corpus, reader(), lambda _: None)
    assert np.isnan(logits[fold == OWN_FOLD]).all()
    for k in range(5):
        assert (logits[fold == k] == k + 1).all()
        assert not seen[k][fold == k].any()
        assert seen[k][fold != k].all()
        measured = set(corpus.labels.author[fold == k].tolist())
        assert not measured & set(corpus.unlabelled.author[others[k]].tolist())


def test_the_base_rate_is_that_of_the_random_stratum(data: Path) -> None:
    gold = labels.gold(data / "posts_gold" / "train.csv")
    loud = [CLASSES[i] in ("sell", "recruit", "bait") for i in gold.label[gold.stratum == "random"].tolist()]
    assert judge.natural_base_rate(gold) == pytest.approx(np.mean(loud))


def test_gold_posts_are_met_in_their_histories(data: Path, small: Settings, judged: Path) -> None:
    corpus = judge.training_corpus(data, Path(small.corpora), reader())
    calibration = judge.Calibration(1.0, np.zeros(len(CLASSES)))
    found = context.examples(data, corpus, reader(), calibration, lambda _: None)
    gold = corpus.labels.measured
    in_histories = gold & (corpus.labels.dataset != "xhs_2018")
    assert len(found.label) == in_histories.sum()
    assert set(found.features) > set(context.LINES)
    assert (
        found.features["past_known"] > 0
    ).all()  # a copy of each was posted an hour before it, or is undated like it


def test_histories_are_raw_posts_in_universal_time(data: Path) -> None:
    local, undated, universal = (histories.raw_posts(data, name) for name in histories._SHAPE)
    assert local.schema.equals(schema("raw_posts"))
    assert local["posted_at"][0].as_py().isoformat() == "2015-04-30T16:00:00+00:00"
    assert universal["posted_at"][0].as_py().isoformat() == "2015-05-01T00:00:00+00:00"
    assert undated["posted_at"].null_count == len(undated)
    assert len(set(local["post_id"].to_pylist())) == len(local)
    some = local["author_id"].slice(0, 1).combine_chunks()
    assert set(histories.raw_posts(data, "weibo_authors", some)["author_id"].to_pylist()) == set(some.to_pylist())
    assert len(histories.all_histories(data)) == len(local) + len(undated) + len(universal)


def test_missing_data_is_one_line(data: Path, small: Settings, tmp_path: Path) -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: train("judge", tmp_path / "nowhere", small, tmp_path / "out", print), "nowhere"),
        (lambda: train("judge", tmp_path, small, tmp_path / "out", print), "posts_gold"),
        (lambda: train("sentiment", tmp_path, small, tmp_path / "out", print), "sentiment"),
        (lambda: histories.raw_posts(tmp_path, "weibo_2014"), "weibo_2014"),
        (lambda: feelings.load(tmp_path), "smp2020"),
    ]
    for do, said in cases:
        with pytest.raises(PermanentError, match=said) as told:
            do()
        assert "\n" not in str(told.value)
    with pytest.raises(UsageError, match="judge, sentiment, trust"):
        train("feelings", data, small, tmp_path / "out", print)


def test_a_sentiment_model_is_a_whole_folder_and_holds_the_emotions(felt: Path, data: Path) -> None:
    assert sorted(p.name for p in felt.iterdir()) == sorted([*FILES, "emotion", "intensity"])
    model, emotion = load_linear(felt), load_emotion(felt)
    assert emotion is not None
    assert (model.classes, emotion.classes) == (SENTIMENTS, EMOTIONS)
    assert emotion.entries.equals(model.entries)
    said = reader().read(strings("今天好开心呀呀", "心里难过得很，睡不着", "会议改到下午三点半"))
    sides, feelings_ = (m.probabilities(reader(), said).argmax(axis=1) for m in (model, emotion))
    assert [SENTIMENTS[i] for i in sides] == ["positive", "negative", "neutral"]
    assert [EMOTIONS[i] for i in feelings_] == ["happy", "sad", "neutral"]
    card = (felt / "README.md").read_text("utf-8")
    assert model.version in card
    assert emotion.version in card
    recipe = tomllib.loads((felt / "recipe.toml").read_text("utf-8"))
    names = {"smp2020_train_eval", "weibo2018_train", "chnsenticorp_hotel", "online_shopping_10_cats"}
    files = {f"sentiment/{name}.parquet" for name in names}
    own = {"corpora/lexicon/cues.toml", "corpora/lexicon/words.txt", f"corpora/{feelings.FELT.as_posix()}"}
    assert set(recipe["inputs"]) == files | own | set(PUBLIC)
    for name in files:
        assert recipe["inputs"][name] == file_hash(data / name)


def test_training_sentiment_again_gives_the_same_bytes(felt: Path, data: Path, read: Settings, tmp_path: Path) -> None:
    train("sentiment", data, read, tmp_path / "again", lambda _: None)
    made = sorted(p.relative_to(felt) for p in felt.rglob("*.*"))
    assert made == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*.*"))
    for name in made:
        assert (felt / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_sentiment_is_evaluated_per_set_beside_snownlp_and_on_own_posts(
    felt: Path, data: Path, read: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(read.corpora, tmp_path / "corpora")
    (tmp_path / "corpora" / "feelings").mkdir()
    own = "text,label,kind\n今天好开心呀,positive,talk\n太失望了,negative,talk\n会议改到下午三点,neutral,talk\n"
    (tmp_path / "corpora" / "feelings" / "posts.csv").write_text(own, "utf-8")
    with_own = read.model_copy(update={"corpora": str(tmp_path / "corpora")})
    assert learn_commands.evaluate("sentiment", str(data), None, with_own) == 0
    said = capsys.readouterr().out
    told = json.loads((felt / "metrics.json").read_text("utf-8"))["figures"]
    places = [
        "smp2020 virus",
        "smp2020 usual",
        "weibo2018_train",
        "chnsenticorp_hotel",
        "online_shopping_10_cats",
        "posts_felt",
    ]
    assert [p["where"] for p in told["polarity"]] == places
    for place in told["polarity"]:
        line = next(line for line in said.splitlines() if line.strip().startswith(place["where"]))
        assert f"{place['accuracy']:.3f}" in line
        assert 0 <= place["calibration_error"] <= 1
    assert "SnowNLP" in said
    assert f"rank correlation {told['intensity']['correlation']:.2f}" in said
    assert f"macro-F1 {told['macro_f1']:.3f}" in said
    assert [cells for line in said.splitlines() if (cells := line.split())[:1] == ["talk"]] == [
        ["talk", "2", "1.00", "0.00", "1", "1.00"]
    ]
    assert told["own"] == {}


def test_the_intensity_learned_from_what_was_read_is_saved_beside_the_emotions(felt: Path) -> None:
    model = load_intensity(felt)
    assert model is not None
    assert model.classes == INTENSITY
    assert model.version in (felt / "README.md").read_text("utf-8")
    strong, faint = model.logits(reader(), reader().read(strings("在家第一天，真好", "戴口罩第一天，真好")))[:, 0]
    assert strong > 0 > faint
    told = json.loads((felt / "metrics.json").read_text("utf-8"))["figures"]["intensity"]
    assert told["correlation"] > 0.7  # of two strengths ties keep it below 1
    assert told["error"] < 0.5 * told["error_of_mean"]


def test_where_no_strength_was_read_there_is_no_intensity(data: Path, small: Settings) -> None:
    rows = feelings.load(data, Path(small.corpora))
    everything = np.ones(len(rows.label), bool)
    material = sentiment.material_of(reader(), reader().read(rows.texts), everything)
    assert sentiment.learn_intensity(material, rows, everything) is None


def test_an_intensity_model_of_another_training_is_refused(felt: Path, tmp_path: Path) -> None:
    home = tmp_path / "sentiment"
    shutil.copytree(felt, home)
    intensity = load_intensity(felt)
    assert intensity is not None
    save_linear(home / "intensity", replace(intensity, bias=intensity.bias + 1), name="intensity")
    with pytest.raises(PermanentError, match=r"/intensity: .*with which it was trained"):
        promote(home, tmp_path / "models")


def test_an_emotion_model_of_another_training_is_refused(felt: Path, tmp_path: Path) -> None:
    home = tmp_path / "sentiment"
    shutil.copytree(felt, home)
    emotion = load_emotion(felt)
    assert emotion is not None
    save_linear(home / "emotion", replace(emotion, bias=emotion.bias + 1), name="emotion")
    with pytest.raises(PermanentError, match="with which it was trained"):
        promote(home, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def _candidate(folder: Path) -> Path:
    save_linear(folder, judge_model(), name="judge")
    save_values(folder / "context", context_model(), kind="context")
    return folder


def test_a_promoted_candidate_replaces_what_stood_there(tmp_path: Path) -> None:
    models = tmp_path / "models"
    promote(_candidate(tmp_path / "one" / "judge"), models)
    (models / "judge" / "stray.txt").write_text("old", "utf-8")
    second = _candidate(tmp_path / "two" / "judge")
    (second / "README.md").write_text("new", "utf-8")
    assert promote(second, models) == models / "judge"
    assert sorted(p.name for p in (models / "judge").iterdir()) == [
        "README.md",
        "context",
        "model.json",
        "weights.parquet",
    ]
    assert [p.name for p in models.iterdir()] == ["judge"]
    load_linear(models / "judge")
    load_context(models / "judge" / "context")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda judge: (judge / "weights.parquet").write_bytes(b"x"), "weights.parquet was changed"),
        (lambda judge: shutil.rmtree(judge / "context"), "no model.json"),
        (lambda judge: (judge / "context" / "model.json").write_text("{}"), "unreadable"),
        (lambda judge: (judge / "model.json").unlink(), "no model.json"),
    ],
)
def test_a_candidate_that_is_not_whole_is_refused_and_the_old_model_stays(
    tmp_path: Path, damage: Any, said: str
) -> None:
    models = tmp_path / "models"
    promote(_candidate(tmp_path / "one" / "judge"), models)
    before = {p: p.read_bytes() for p in models.rglob("*.*")}
    broken = _candidate(tmp_path / "two" / "judge")
    damage(broken)
    with pytest.raises(PermanentError) as told:
        promote(broken, models)
    assert said in str(told.value)
    assert {p: p.read_bytes() for p in models.rglob("*.*")} == before


def test_a_folder_of_another_name_or_kind_is_not_promoted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="judge, sentiment, trust"):
        promote(_candidate(tmp_path / "best"), tmp_path / "models")
    save_values(tmp_path / "judge", TRUST, kind="trust")
    with pytest.raises(PermanentError, match="kind trust"):
        promote(tmp_path / "judge", tmp_path / "models")
    save_values(tmp_path / "trust", TRUST, kind="trust")
    load_trust(promote(tmp_path / "trust", tmp_path / "models"))
    assert not (tmp_path / "models" / "judge").exists()


def test_training_reads_the_lexicon_of_its_settings(small: Settings) -> None:
    assert open_reader(small.corpora).lexicon.version == open_reader(CORPORA).lexicon.version


def test_a_recipe_names_every_input_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    write_recipe(tmp_path, {"seed": 7, "note": "x"}, {"a.csv": tmp_path / "a.csv"})
    found = tomllib.loads((tmp_path / "recipe.toml").read_text("utf-8"))
    assert found == {"constants": {"seed": 7, "note": "x"}, "inputs": {"a.csv": file_hash(tmp_path / "a.csv")}}
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_the_intercept_of_the_context_model_keeps_the_natural_share() -> None:
    dice = np.random.default_rng(2)
    features = {name: dice.normal(size=3_000) for name in (*context.LINES, "likes")}
    authors = np.array([f"a{i % 50}" for i in range(3_000)], object)
    app = np.where(dice.random(3_000) < 0.3, "群发助手", "手机").astype(object)
    odds = 2 * features["text"] - 1 + 2 * (features["likes"] > 0.5) + 1.5 * (app == "群发助手")
    loud = dice.random(3_000) < 1 / (1 + np.exp(-odds))
    everywhere = np.array(["weibo_2014"] * 3_000, object)
    rows = context.Examples(
        features, app, np.where(loud, 1, 0), authors, np.arange(3_000) % 5, np.arange(3_000) % 2 == 0, everywhere
    )
    model = context.fit_context(rows, 0.3, np.ones(3_000, bool))
    chance = 1 / (1 + np.exp(-(model.logits(features, 0.3) + model.of_app(pa.array(app.tolist())))))
    added = model.apps.get("群发助手", 0.0) - model.apps.get("手机", 0.0)
    assert added == pytest.approx(1.5, abs=0.5)
    low, high = (model.gain(["likes"], {"likes": np.array([value])}) for value in (0.0, 1.5))
    assert high - low == pytest.approx(2, abs=0.5)
    assert chance[rows.natural].mean() == pytest.approx(loud[rows.natural].mean(), abs=1e-3)
    assert model.coefficients[0] == pytest.approx(1.7, abs=0.4)
    assert abs(model.coefficients[1]) < 0.2
    assert context.gain(rows, 0.3)["context_auc"] > 0.8


def test_the_baseline_is_the_plain_tutorial(data: Path) -> None:
    import scipy.sparse as sp
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    gold = labels.gold(data / "posts_gold" / "train.csv")
    found = baseline_probabilities(gold, (0,), lambda _: None)
    train_rows, test_rows = gold.fold != 0, gold.fold == 0
    texts = np.array(gold.texts.to_pylist(), object)
    options = {"min_df": 2, "sublinear_tf": True, "dtype": np.float32}
    chars = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), **options)
    words = TfidfVectorizer(analyzer=lambda text: segment_texts([text])[0], **options)
    x = sp.hstack([chars.fit_transform(texts[train_rows]), words.fit_transform(texts[train_rows])])
    y = sp.hstack([chars.transform(texts[test_rows]), words.transform(texts[test_rows])])
    want = LogisticRegression(C=1.0, max_iter=200).fit(x, gold.label[train_rows]).predict_proba(y)
    assert found[test_rows] == pytest.approx(want, abs=1e-3)
    assert np.isnan(found[train_rows]).all()
    other = baseline_probabilities(gold, (), lambda _: None, train_rows=train_rows, other=gold.take(test_rows))
    assert other == pytest.approx(want, abs=1e-3)


@pytest.fixture
def with_models(judged: Path, felt: Path, small: Settings, tmp_path: Path) -> Settings:
    """The settings with the two models promoted."""
    for folder in (judged, felt):
        promote(folder, tmp_path / "models")
    return small.model_copy(update={"models": str(tmp_path / "models")})


def test_a_trust_model_of_the_labelled_accounts_does_not_hang_on_the_author_key(
    data: Path, with_models: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for out, key in (("one", "ab" * 32), ("other", "cd" * 32)):
        monkeypatch.setenv("XINREN_ID_KEY", key)
        figures = train("trust", data, with_models, tmp_path / out, lambda _: None)
        assert 0 <= figures["auc"] <= 1
    assert load_trust(tmp_path / "one").version in (tmp_path / "one" / "README.md").read_text("utf-8")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name
