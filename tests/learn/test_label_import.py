"""Every shape that labelling tools give their exports becomes the same readings, again and again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PermanentError, UsageError
from pipeline.learn.label_files import records
from pipeline.learn.label_import import Report, import_files
from pipeline.learn.readings import read_readings, text_hashes, verdicts
from tests.tiny import strings

RECRUIT, WALK = "小店招代理，囤货不愁卖", "傍晚沿着河走了一圈"
HASH, OTHER = text_hashes(strings(RECRUIT, WALK)).to_pylist()


def _file(folder: Path, content: Any, name: str = "export.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), "utf-8")
    return path


def _import(folder: Path, content: Any, **names: str) -> tuple[Report, dict[str, str]]:
    report = import_files([_file(folder, content)], folder / "imported.csv", names)
    target = folder / "imported.csv"
    return report, verdicts(read_readings(target)) if target.exists() else {}


DOCCANO: dict[str, Any] = {
    "labels as names": {"id": 7, "text": RECRUIT, "labels": ["recruit"]},
    "data and label": {"id": 7, "data": RECRUIT, "label": ["recruit"]},
    "text and label": {"id": 7, "text": RECRUIT, "label": ["recruit"], "Comments": []},
    "label as a string": {"id": 7, "text": RECRUIT, "label": "recruit"},
    "annotations by name": {"id": 7, "text": RECRUIT, "annotations": [{"id": 1, "label": "recruit", "user": 3}]},
    "spans as lists": {"id": 7, "text": RECRUIT, "labels": [[2, 5, "recruit"]]},
    "spans as objects": {"id": 7, "text": RECRUIT, "entities": [{"id": 1, "label": "recruit", "start_offset": 2, "end_offset": 5}]},
    "old document id": {"doc_id": 20, "text": RECRUIT, "labels": ["recruit"], "username": "ping"},
    "meta": {"id": 7, "text": RECRUIT, "label": ["recruit"], "meta": {"text_hash": HASH, "post": "weibo:9"}},
    "metadata as text": {"id": 7, "text": RECRUIT, "label": ["recruit"], "metadata": json.dumps({"post": "weibo:9"})},
    "beside the text": {"id": 7, "text": RECRUIT, "label": ["recruit"], "post": "weibo:9", "text_hash": HASH},
}  # fmt: skip


@pytest.mark.parametrize("shape", DOCCANO)
def test_every_shape_of_doccano(tmp_path: Path, shape: str) -> None:
    report, verdict = _import(tmp_path, DOCCANO[shape])
    assert verdict == {HASH: "recruit"}
    assert report.counts["new"] == report.counts["labelled"] == 1
    if "weibo:9" in json.dumps(DOCCANO[shape]):
        assert read_readings(tmp_path / "imported.csv")[0].post == "weibo:9"


def test_numbers_of_labels_are_kept_until_they_are_named(tmp_path: Path) -> None:
    rows = {"id": 7, "text": RECRUIT, "annotations": [{"label": 2, "user": 1}]}
    report, verdict = _import(tmp_path, rows)
    assert report.unknown == {"2": 1}
    assert verdict == {}
    report, verdict = _import(tmp_path, rows, **{"2": "recruit"})
    assert (report.counts["new"], report.counts["known"], report.unknown) == (0, 1, {})
    assert verdict == {HASH: "recruit"}


def test_a_list_and_lines_and_a_byte_order_mark_are_the_same(tmp_path: Path) -> None:
    rows = [{"text": RECRUIT, "label": "recruit"}, {"text": WALK, "label": "share"}]
    lines = "\ufeff" + "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    assert [*records(_file(tmp_path, rows))] == [*records(_file(tmp_path, lines, "export.jsonl"))]


def _task(*labels: str, **more: Any) -> dict[str, Any]:
    result = [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [*labels]}}]
    annotation = {
        "id": 31,
        "completed_by": 4,
        "was_cancelled": False,
        "updated_at": "2026-03-01T08:00:00Z",
        "result": result,
    }
    return {
        "id": 12,
        "data": {"text": RECRUIT, "text_hash": HASH, "post": "weibo:9"},
        "annotations": [annotation | more],
    }


def test_label_studio_with_predictions_as_numbers(tmp_path: Path) -> None:
    task = _task("recruit") | {"predictions": [286], "drafts": [], "meta": {}, "inner_id": 1}
    report, verdict = _import(tmp_path, [task])
    assert verdict == {HASH: "recruit"}
    reading = read_readings(tmp_path / "imported.csv")[0]
    assert (reading.post, reading.annotator, reading.at) == ("weibo:9", "4", "2026-03-01T08:00:00Z")
    assert report.counts["edited"] == 0


def test_a_prediction_is_nobody_s_word(tmp_path: Path) -> None:
    guess = {"score": 0.9, "result": [{"type": "choices", "value": {"choices": ["sell"]}}]}
    report, verdict = _import(tmp_path, [{"id": 1, "data": {"text": WALK}, "annotations": [], "predictions": [guess]}])
    assert verdict == {}
    assert report.counts["unlabelled"] == report.counts["records"] == 1


@pytest.mark.parametrize(
    "content",
    [
        [{"id": 1, "text": RECRUIT, "label": "recruit", "annotator": 4, "annotation_id": 31, "lead_time": 2.5}],
        [{"id": 1, "text": RECRUIT, "label": {"choices": ["recruit"]}, "annotator": 4, "annotation_id": 31}],
        f"annotation_id,annotator,id,label,text\n31,4,1,recruit,{RECRUIT}\n",
        f'annotation_id\tannotator\tid\tlabel\ttext\n31\t4\t1\t"{{""choices"": [""recruit""]}}"\t{RECRUIT}\n',
        [{"id": 1, "data": {"text": RECRUIT}, "completions": _task("recruit")["annotations"]}],
    ],
    ids=["JSON-MIN", "JSON-MIN of several", "CSV", "TSV of several", "completions"],
)  # fmt: skip
def test_label_studio_s_other_exports(tmp_path: Path, content: Any) -> None:
    _, verdict = _import(tmp_path, content)
    assert verdict == {HASH: "recruit"}
    assert read_readings(tmp_path / "imported.csv")[0].annotator == "4"


def test_skipped_tasks_are_counted_and_not_read(tmp_path: Path) -> None:
    report, verdict = _import(tmp_path, [_task("sell", was_cancelled=True)])
    assert verdict == {}
    assert report.counts["cancelled"] == 1


def test_an_annotator_s_address_is_not_kept(tmp_path: Path) -> None:
    _import(tmp_path, [_task("sell", completed_by={"email": "ping@example.com", "first_name": "萍"})])
    assert "ping" not in (tmp_path / "imported.csv").read_text("utf-8")
    assert len(read_readings(tmp_path / "imported.csv")[0].annotator) == 8


def test_the_spreadsheet_that_export_writes(tmp_path: Path) -> None:
    head = '\ufeff"text_hash","post","why","text","label"'
    rows = f'{head}\r\n"{HASH}","weibo:9","uncertain","{RECRUIT}","Recruit "\r\n"{OTHER}","","","",""\r\n'
    report, verdict = _import(tmp_path, rows)
    assert verdict == {HASH: "recruit"}
    assert (report.counts["labelled"], report.counts["unlabelled"]) == (1, 1)


def test_importing_again_changes_no_byte(tmp_path: Path) -> None:
    _import(tmp_path, [_task("recruit"), {"text": WALK, "label": "早安"}])
    before = (tmp_path / "imported.csv").read_bytes()
    report, _ = _import(tmp_path, [_task("recruit"), {"text": WALK, "label": "早安"}])
    assert (report.counts["new"], report.counts["known"]) == (0, 2)
    assert (tmp_path / "imported.csv").read_bytes() == before


def test_readers_who_differ_are_named_and_both_kept(tmp_path: Path) -> None:
    _import(tmp_path, [_task("recruit")])
    report, verdict = _import(tmp_path, [_task("sell", completed_by=5)])
    assert report.disputed == [f"{HASH}: recruit, sell"]
    assert verdict == {HASH: "disputed"}
    assert len(read_readings(tmp_path / "imported.csv")) == 2


def test_a_text_changed_in_the_tool_keeps_its_place(tmp_path: Path) -> None:
    report, verdict = _import(tmp_path, {"text": RECRUIT + "（已读）", "text_hash": HASH, "label": "recruit"})
    assert verdict == {HASH: "recruit"}
    assert report.counts["edited"] == 1


def test_records_that_say_nothing_of_a_text_are_counted(tmp_path: Path) -> None:
    report, _ = _import(
        tmp_path, [{"label": "sell"}, 7, {"text": "", "label": "sell"}, {"text": WALK, "label": "share"}]
    )
    assert report.unreadable == ["export.json record 1", "export.json record 2", "export.json record 3"]
    assert report.counts["records"] == 4 == sum(report.counts[k] for k in ("labelled", "unlabelled", "unreadable"))


def test_no_cell_of_the_file_is_a_formula(tmp_path: Path) -> None:
    row = {"text": WALK, "label": "=cmd|' /C calc'!A0", "post": "=1+1", "annotator": "@SUM(1)", "updated_at": "+1"}
    _import(tmp_path, row)
    reading = read_readings(tmp_path / "imported.csv")[0]
    assert not [v for v in vars(reading).values() if v[:1] in tuple("=+-@＝＋－＠")]
    assert reading.given.endswith("calc'!A0")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "早", "label"', "line 1: no JSON"),
        ('{"text": "早", "label": "share"}\n{"text": 早}', "line 2: no JSON"),
        ("甲,乙\n1,2\n", "expected label and text"),
        ("", "expected"),
        ("[" * 5000, "nothing was imported"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_nothing_is_written(tmp_path: Path, content: str, said: str) -> None:
    good = _file(tmp_path, {"text": WALK, "label": "share"}, "good.json")
    with pytest.raises(PermanentError, match=said) as told:
        import_files([good, _file(tmp_path, content, "bad.json")], tmp_path / "imported.csv", {})
    assert "\n" not in str(told.value)
    assert not (tmp_path / "imported.csv").exists()


def test_a_missing_file_and_a_wrong_name_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        import_files([tmp_path / "none.json"], tmp_path / "imported.csv", {})
    with pytest.raises(UsageError, match="expected NAME=LABEL"):
        import_files([], tmp_path / "imported.csv", {"广告": "ad"})


def test_real_exports_of_both_tools_lose_no_record(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "exports" / "labels").iterdir())
    report = import_files(files, tmp_path / "imported.csv", {})
    assert len(files) == 4
    assert report.counts["records"] == 100 + 121 + 35 + 22
    assert not report.counts["unreadable"]
    assert import_files(files, tmp_path / "imported.csv", {}).counts["new"] == 0
