"""What form a file has (CSV, JSON Lines, a JSON list, JSON documents, Parquet), known by its first bytes."""

from __future__ import annotations

from pathlib import Path

from pipeline.sources import encodings
from pipeline.sources.csv_rows import open_csv
from pipeline.sources.json_documents import open_json_documents
from pipeline.sources.json_rows import open_json_lines, open_json_list
from pipeline.sources.parquet_rows import MAGIC, open_parquet
from pipeline.sources.records import Form
from pipeline.sources.rejects import RefusedFileError


def open_forms(path: Path) -> list[Form]:
    """The forms the file may be read in, the likeliest first. Raises RefusedFileError for what is no readable data."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return [open_parquet(path)]
    encoding = encodings.encoding_of(path)
    first = next((text for line in encodings.lines(path, encoding, "\n") if (text := line.strip())), "")
    if not first:
        raise RefusedFileError("empty_file", "nothing but white space")
    documents = open_json_documents(path, encoding)
    if first.startswith("{"):
        return [open_json_lines(path, encoding), documents]
    if first.startswith("["):
        return [open_json_list(path, encoding), documents]
    # JSON Lines may begin with a broken line, documents stand in a program's text
    return [*open_csv(path, encoding), open_json_lines(path, encoding), documents]
