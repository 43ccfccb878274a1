"""Model folders: save, load, verify. A folder holds plain tables and JSON, each named with its hash; nothing is executed.

models/<name>/model.json        classes, biases, versions, hash of every other file
models/<name>/weights.parquet   one row per entry: kind, text, one weight per class (linear models)
models/sentiment/emotion/       the emotion model, likewise; its version stands in sentiment's model.json
models/sentiment/intensity/     the model of how strong a feeling is, likewise
models/<name>/metrics.json      figures as measured;  recipe.toml: inputs by hash;  README.md: the card
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import PermanentError, one_line
from pipeline.judge_model import ContextModel
from pipeline.text.linear import LinearModel

if TYPE_CHECKING:
    from pipeline.trust_model import TrustModel

FORMAT = 1
DECIMALS = 3  # weights are rounded: the features they meet are at most 1, and the folder stays small


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def save_json(folder: Path, name: str, payload: dict[str, Any]) -> None:
    """Write `payload` as folder/name, keys sorted, floats as Python prints them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(payload, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


def seal(folder: Path, payload: dict[str, Any], files: tuple[str, ...]) -> str:
    """Write model.json over the folder's `files` and return the version: 12 hex over what a prediction depends on."""
    hashes = {name: _hash((folder / name).read_bytes()) for name in files}
    body = {"format": FORMAT, **payload, "files": hashes}
    version = _version(body)
    save_json(folder, "model.json", {**body, "version": version})
    return version


def _version(body: dict[str, Any]) -> str:
    return _hash(json.dumps(body, ensure_ascii=False, sort_keys=True).encode())[:12]


def unseal(folder: str | Path, kind: str) -> dict[str, Any]:
    """The model.json of `folder`. Raises PermanentError when it is absent, of another kind, or a file was changed."""
    home = Path(folder)
    with _one_line_errors(home):
        payload = dict(json.loads((home / "model.json").read_text("utf-8")))
        told = dict(payload["files"])
        hashes = {name: _hash((home / name).read_bytes()) for name in told}
        body = {key: value for key, value in payload.items() if key != "version"}
        told["model.json"], hashes["model.json"] = payload["version"], _version(body)
    if payload.get("format") != FORMAT or payload.get("kind") != kind:
        got = f"format {payload.get('format')}, kind {payload.get('kind')}"
        raise PermanentError(f"model {one_line(home)}: got {one_line(got)}; expected format {FORMAT}, kind {kind}")
    changed = [name for name, digest in hashes.items() if told[name] != digest]
    if changed:
        raise PermanentError(
            f"model {one_line(home)}: {one_line(changed[0])} was changed after training; restore the folder"
        )
    return payload


@contextmanager
def _one_line_errors(home: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        missing = one_line(Path(str(error.filename)).name)
        raise PermanentError(f"model {one_line(home)}: no {missing}; expected a model folder; set --models") from None
    except (OSError, ValueError, LookupError, TypeError) as error:  # Arrow's and Unicode's errors are ValueErrors
        raise PermanentError(f"model {one_line(home)}: unreadable ({one_line(error)}); restore the folder") from error


def save_linear(folder: Path, model: LinearModel, *, name: str, extra: dict[str, Any] | None = None) -> str:
    """Save `model` as a folder and return its version."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = np.round(model.weights.astype(np.float64), DECIMALS).astype(np.float32)
    columns = {f"w_{c}": pa.array(weights[:, i]) for i, c in enumerate(model.classes)}
    table = pa.table({"kind": model.entries["kind"], "text": model.entries["text"], **columns})
    pq.write_table(table, folder / "weights.parquet", compression="zstd", compression_level=19)
    payload = {
        "kind": "linear", "name": name, "classes": list(model.classes), "bias": [round(float(b), 6) for b in model.bias],
        "lexicon_version": model.lexicon_version, **(extra or {}),
    }  # fmt: skip
    return seal(folder, payload, ("weights.parquet",))


def load_linear(folder: str | Path) -> LinearModel:
    """The linear model of `folder`, its files checked against their hashes."""
    payload, home = unseal(folder, "linear"), Path(folder)
    with _one_line_errors(home):
        table = pq.ParquetFile(home / "weights.parquet").read()  # read_table would import pyarrow.dataset
        weights = np.stack([table[f"w_{c}"].to_numpy() for c in payload["classes"]], axis=1)
        return LinearModel(
            payload["version"], tuple(payload["classes"]), table.select(["kind", "text"]), weights,
            np.array(payload["bias"], np.float64), payload["lexicon_version"],
        )  # fmt: skip


def load_emotion(sentiment: str | Path) -> LinearModel | None:
    """The emotion model inside a sentiment model's folder, of which that model is told; None where there is none."""
    return _inner(sentiment, "emotion")


def load_intensity(sentiment: str | Path) -> LinearModel | None:
    """The intensity model inside a sentiment model's folder, of which that model is told; None where there is none."""
    return _inner(sentiment, "intensity")


def _inner(sentiment: str | Path, name: str) -> LinearModel | None:
    told = unseal(sentiment, "linear").get(f"{name}_version")
    if told is None:
        return None
    model = load_linear(Path(sentiment) / name)
    if model.version != told:
        got = f"version {one_line(model.version)}; expected {one_line(told)}"
        raise PermanentError(
            f"model {one_line(sentiment)}/{name}: got {got}, with which it was trained; restore the folder"
        )
    return model


def save_values(folder: Path, value: Any, *, kind: str) -> str:
    """Save a small dataclass of numbers and names as model.json and return its version."""
    folder.mkdir(parents=True, exist_ok=True)
    payload = {k: v for k, v in asdict(value).items() if k != "version"}
    return seal(folder, {"kind": kind, **payload}, ())


def load_context(folder: str | Path) -> ContextModel:
    """The context model of `folder`."""
    p = unseal(folder, "context")
    with _one_line_errors(Path(folder)):
        linear = tuple(p["names"]), tuple(p["coefficients"]), p["intercept"], p["base_rate"]
        return ContextModel(p["version"], *linear, tuple(p["steps"]), p["apps"], tuple(p["shares"]))


def load_trust(folder: str | Path) -> TrustModel:
    """The author model of `folder`."""
    from pipeline.trust_model import TrustModel

    payload = unseal(folder, "trust")
    with _one_line_errors(Path(folder)):
        values: dict[str, Any] = {}
        for field in fields(TrustModel):
            value = payload[field.name]
            values[field.name] = tuple(value) if isinstance(value, list) else value
        return TrustModel(**values)
