"""What form a file has (CSV, JSON Lines, a JSON list, JSON documents, a feed in XML, Parquet, SQLite, XLSX), known by its first bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.sources import encodings, parquet_rows, sqlite_rows, xlsx_parts
from pipeline.sources.csv_rows import open_csv
from pipeline.sources.feed_xml import open_feed
from pipeline.sources.json_columns import open_columns
from pipeline.sources.json_documents import open_json_documents
from pipeline.sources.json_rows import open_json_lines, open_json_list
from pipeline.sources.json_values import has_lines_of_json
from pipeline.sources.json_wrapped import open_wrapped
from pipeline.sources.line_rows import TextLines
from pipeline.sources.records import Form
from pipeline.sources.rejects import RefusedFileError
from pipeline.sources.xlsx_rows import open_xlsx


def open_forms(path: Path) -> Iterator[Form]:
    """The forms the file may be read in, the likeliest first, at least one. Raises RefusedFileError for what is no readable
    data.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(parquet_rows.MAGIC):
        return iter([parquet_rows.open_parquet(path)])
    if head.startswith(sqlite_rows.MAGIC):
        return iter(sqlite_rows.open_sqlite(path))
    if head.startswith(xlsx_parts.MAGIC) and xlsx_parts.is_workbook(path):
        return iter(open_xlsx(path))
    return _of_text(path)


def _of_text(path: Path) -> Iterator[Form]:
    encoding = encodings.encoding_of(path)
    said = (text for line in encodings.lines(path, encoding, "\n") if (text := line.strip()))
    first, second = next(said, ""), next(said, "")
    if not first:
        raise RefusedFileError("empty_file", "nothing but white space")
    if first.startswith(("<?xml", "<rss", "<feed", "<rdf:RDF")):
        yield open_feed(path, encoding)
        return
    documents = open_json_documents(path, encoding)
    if first.startswith("["):
        yield from (open_json_list(path, encoding), documents)
        yield from open_wrapped(documents)
        return
    if not first.startswith("{"):  # JSON Lines may begin with a broken line, documents stand in a program's text
        yield from open_csv(path, encoding)
    elif not second.startswith("{") and (
        columns := open_columns(path, encoding)
    ):  # JSON Lines are never read as a whole
        yield columns
    json: list[Form] = [open_json_lines(path, encoding), documents]
    if not has_lines_of_json(path, encoding):  # a document may hold a line that by itself is an object
        json.reverse()
    yield from json
    if not first.startswith("{"):
        yield TextLines(path, encoding)
    yield from open_wrapped(documents)
