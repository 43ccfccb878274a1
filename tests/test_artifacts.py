from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts import (
    load_context,
    load_linear,
    load_trust,
    save_json,
    save_linear,
    save_values,
    seal,
    unseal,
)
from pipeline.errors import PermanentError
from pipeline.trust_model import TrustModel
from tests.feed import MODELS, need_models
from tests.tiny import DIARY, RECRUITING, SELLING, context_model, judge_model, reader, strings

TRUST = TrustModel(
    "v", ("paving_days", "gap_cv"), (True, False), (0.0, 1.5), (3.25, 1.0), (1.5, 0.5), (-0.5, 0.25), 0.125
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_linear(tmp_path / "judge", judge_model(), name="judge")
    return tmp_path / "judge"


def _refused(load: Callable[[Path], Any], folder: Path, *said: str) -> None:
    with pytest.raises(PermanentError) as told:
        load(folder)
    line = str(told.value)
    assert "\n" not in line
    assert len(line) < 600
    assert "model" in line
    for words in said:
        assert words in line


def test_a_linear_model_comes_back_with_rounded_weights(folder: Path) -> None:
    model, back = judge_model(), load_linear(folder)
    assert back.classes == model.classes
    assert back.entries.equals(model.entries)
    assert back.lexicon_version == model.lexicon_version
    assert np.abs(back.weights - model.weights).max() <= 0.0005 + 1e-7
    assert back.weights.dtype == np.float32
    reading = reader().read(strings(RECRUITING, SELLING, DIARY, ""))
    assert back.probabilities(reader(), reading) == pytest.approx(model.probabilities(reader(), reading), abs=2e-3)


def test_the_version_names_what_a_prediction_depends_on(tmp_path: Path, folder: Path) -> None:
    version = load_linear(folder).version
    assert len(version) == 12
    assert save_linear(tmp_path / "again", judge_model(), name="judge") == version
    model = judge_model()
    weights, bias = model.weights.copy(), model.bias.copy()
    weights[0, 0] += 0.01
    bias[0] += 0.01
    others = [replace(model, weights=weights), replace(model, bias=bias), replace(model, lexicon_version="x")]
    versions = {save_linear(tmp_path / str(i), other, name="judge") for i, other in enumerate(others)}
    assert len(versions | {version}) == 4


def test_saving_twice_writes_the_same_bytes(tmp_path: Path, folder: Path) -> None:
    save_linear(tmp_path / "again", judge_model(), name="judge")
    for name in ("weights.parquet", "model.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_small_models_come_back_as_they_were(tmp_path: Path) -> None:
    version = save_values(tmp_path / "context", context_model(), kind="context")
    assert load_context(tmp_path / "context") == replace(context_model(), version=version)
    version = save_values(tmp_path / "trust", TRUST, kind="trust")
    assert load_trust(tmp_path / "trust") == replace(TRUST, version=version)


def test_a_changed_file_is_refused(folder: Path) -> None:
    data = bytearray((folder / "weights.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "weights.parquet").write_bytes(data)
    _refused(load_linear, folder, "weights.parquet was changed")


def test_a_changed_bias_is_refused(folder: Path) -> None:
    payload = json.loads((folder / "model.json").read_text("utf-8"))
    payload["bias"][0] = 5.0
    save_json(folder, "model.json", payload)
    _refused(load_linear, folder, "model.json was changed")


def test_a_changed_number_of_a_small_model_is_refused(tmp_path: Path) -> None:
    save_values(tmp_path, TRUST, kind="trust")
    text = (tmp_path / "model.json").read_text("utf-8")
    (tmp_path / "model.json").write_text(text.replace("3.25", "3.5"), "utf-8")
    _refused(load_trust, tmp_path, "model.json was changed")


@pytest.mark.parametrize("name", ["weights.parquet", "model.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    _refused(load_linear, folder, f"no {name}")


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    _refused(load_linear, tmp_path / "nowhere", "nowhere", "--models")


def test_a_model_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    _refused(load_context, folder, "kind linear", "kind context")
    save_values(tmp_path / "context", context_model(), kind="context")
    _refused(load_linear, tmp_path / "context", "kind context", "kind linear")


def test_a_model_of_a_later_format_is_refused(folder: Path) -> None:
    payload = json.loads((folder / "model.json").read_text("utf-8"))
    save_json(folder, "model.json", payload | {"format": 2})
    _refused(load_linear, folder, "format 2")


class _Bomb:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["weights.parquet", "model.json"])
@pytest.mark.parametrize("resealed", [False, True])
def test_a_pickle_in_place_of_a_file_is_refused_and_never_opened(
    folder: Path, tmp_path: Path, name: str, resealed: bool
) -> None:
    payload = json.loads((folder / "model.json").read_text("utf-8"))
    (folder / name).write_bytes(pickle.dumps(_Bomb(tmp_path / "opened")))
    if resealed:  # with the hash of the pickle in model.json
        inner = {k: v for k, v in payload.items() if k not in ("version", "files", "format")}
        seal(folder, inner, (name,) if name != "model.json" else ("weights.parquet",))
        if name == "model.json":
            (folder / name).write_bytes(pickle.dumps(_Bomb(tmp_path / "opened")))
    _refused(load_linear, folder, str(folder))
    assert not (tmp_path / "opened").exists()
    pickle.loads((folder / name).read_bytes())
    assert (tmp_path / "opened").exists()  # it would have told


@pytest.mark.parametrize(
    "body", ["[]", "3", '"a"', "{}", '{"files": 3}', '{"files": ["a"]}', '{"files": {}}', "{", "\x00"]
)
def test_a_model_json_of_another_shape_is_one_line(folder: Path, body: str) -> None:
    (folder / "model.json").write_text(body, "utf-8")
    _refused(load_linear, folder)


def test_weights_without_a_column_of_a_class_are_one_line(folder: Path) -> None:
    payload = unseal(folder, "linear")
    pq.write_table(pa.table({"kind": ["char"], "text": ["代"], "w_share": [0.5]}), folder / "weights.parquet")
    seal(folder, {k: v for k, v in payload.items() if k not in ("version", "files", "format")}, ("weights.parquet",))
    _refused(load_linear, folder, "w_sell")


def test_a_small_model_without_a_number_is_one_line(tmp_path: Path) -> None:
    seal_of = {"kind": "trust", "features": ["paving_days"]}
    tmp_path.joinpath("trust").mkdir()
    seal(tmp_path / "trust", seal_of, ())
    _refused(load_trust, tmp_path / "trust", "unreadable")


def test_the_models_of_the_repository_are_whole_and_know_its_lexicon() -> None:
    need_models()
    for name in ("judge", "sentiment"):
        assert load_linear(MODELS / name).lexicon_version == reader().lexicon.version
    load_context(MODELS / "judge" / "context")
    load_trust(MODELS / "trust")
