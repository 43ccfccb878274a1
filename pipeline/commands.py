"""What each command does, after its words are understood. Heavy libraries are imported by the command that needs them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from time import perf_counter

from pipeline import tables
from pipeline.errors import PermanentError, UsageError, one_line
from pipeline.settings import Settings


def version() -> int:
    """Print the version."""
    try:
        print(f"xinren {installed_version('xinren')}")
    except PackageNotFoundError:
        print("xinren (not installed)")
    return 0


def run(settings: Settings, *, flow: bool, quiet: bool, page: str | None = None) -> int:
    """Gather to daily_summary, then the summary a person reads, and the report into the file `page` where it is stated."""
    from pipeline.run import preflight
    from pipeline.view.progress import reporting

    if page is not None:
        from pipeline.view.report import must_have_place

        must_have_place(Path(page), "run --report")  # said before hours of work, not after
    _must_have_input("run", settings)
    preflight(settings)
    started = perf_counter()
    with reporting(quiet=quiet) as say:
        if flow:
            from pipeline.flows import run_daily

            counts = run_daily(settings, say)
        else:
            counts = _in_one_go(settings, say)
    if not quiet:
        from pipeline.view.summary import show

        show(settings, counts, perf_counter() - started)
    if page is not None:
        from pipeline.view.report import write_report

        write_report(settings.lake, Path(page))
    return 0


def _in_one_go(settings: Settings, say: Callable[[str, int, int], None], *names: str) -> dict[str, int]:
    from pipeline.run import writing
    from pipeline.stages import do

    with writing(settings, say) as opened:
        return do(opened, *names)


def stage(name: str, settings: Settings, *, quiet: bool) -> int:
    """One stage, and its counts."""
    from pipeline.view.progress import reporting

    if name == "gather":
        _must_have_input(name, settings)
    else:
        _must_exist(settings)
    with reporting(quiet=quiet) as say:
        counts = _in_one_go(settings, say, name)
    if not quiet:
        print(", ".join(f"{key} {value:,}" for key, value in counts.items()))
    return 0


def campaigns(settings: Settings, *, top: int, kind: str | None, show: str | None, quiet: bool) -> int:
    """The stage, then the largest campaigns; or one of them with its wordings, from the lake as it is."""
    from pipeline.steps.campaign_kinds import KINDS
    from pipeline.view.campaigns import show_one, show_top

    if top < 1:
        raise UsageError(f"campaigns --top: got {top}; expected 1 or more")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"campaigns --kind: got {one_line(kind, 40)}; expected one of {', '.join(KINDS)}")
    if show is not None:
        show_one(settings, show)
        return 0
    stage("campaigns", settings, quiet=quiet)
    if not quiet:
        show_top(settings, top, kind)
    return 0


def summary(settings: Settings, *, days: int, show: str | None, quiet: bool) -> int:
    """The stage, then feelings by day; or one day by its parts, from the lake as it is."""
    from pipeline.view.feelings import show_day, show_days

    if days < 1:
        raise UsageError(f"summary --days: got {days}; expected 1 or more")
    if show is not None:
        show_day(settings, show)
        return 0
    stage("summary", settings, quiet=quiet)
    if not quiet:
        show_days(settings, days)
    return 0


def trust(settings: Settings, *, first: str | None, last: str | None, every: str | None, quiet: bool) -> int:
    """The stage as of one day, or as of each day of a range."""
    if first is None and last is None and every is None:
        return stage("trust", settings, quiet=quiet)
    from pipeline.backfill import backfill, dates_of
    from pipeline.run import writing
    from pipeline.view.progress import reporting

    dates = dates_of(first, last, every)
    if settings.as_of is not None:
        raise UsageError("trust: got --as-of beside a range; expected one of them")
    _must_exist(settings)
    with reporting(quiet=quiet) as say, writing(settings, say) as opened:
        counts = backfill(opened, dates)
        if not counts["author_trust"]:
            raise UsageError(
                f"trust: lake {one_line(settings.lake, 200)} holds no judged post up to {dates[-1]}; expected some; "
                "`xinren run PATH` gathers and judges posts, or give a later --to"
            )
    if not quiet:
        print(", ".join(f"{key} {value:,}" for key, value in counts.items()))
    return 0


def author(author_id: str, settings: Settings) -> int:
    """One author's card."""
    from pipeline.view.author import show_author

    show_author(settings, author_id)
    return 0


def report(out: str, top: int, settings: Settings) -> int:
    """The lake as one HTML page."""
    from pipeline.view.report import write_report

    size = write_report(settings.lake, Path(out), top)
    print(f"report of lake {one_line(settings.lake)}: {one_line(out)}, {size:,} bytes")
    return 0


def _must_have_input(command: str, settings: Settings) -> None:
    from pipeline.sources import find_inputs

    if (settings.inbox or settings.feeds) and not settings.inputs:
        return  # an inbox to which nothing came is no mistake, nor is a feed without news
    if not settings.inputs:
        raise UsageError(f"{command}: no input; expected files, folders or globs; type `xinren {command} PATH`")
    if not find_inputs(settings.inputs):
        raise UsageError(f"{command}: no file in {one_line(', '.join(settings.inputs), 200)}; expected exports to read")


def _must_exist(settings: Settings) -> None:
    from pipeline.store import Lake

    Lake.open(settings.lake)


def score(file: str, out: str | None, text_column: str, settings: Settings) -> int:
    """Judge a file and write it with the judgement columns beside its own, a stretch of rows at a time."""
    from pipeline.api import Scorer, column_names
    from pipeline.scorefile import open_posts, target_of
    from pipeline.scoreout import writing
    from pipeline.short_start import started
    from pipeline.view.progress import reporting

    source = Path(file)
    target = target_of(source, out)
    posts = open_posts(source)
    scorer = Scorer(settings.models, settings.corpora, domain_words=settings.domain_words)
    done = flagged = 0
    with reporting(quiet=False) as say, writing(target) as write:
        for judged in scorer.stream(
            posts.tables, posts.schema, text_column=text_column, base_rate=settings.base_rate, workers=settings.workers
        ):
            write(judged)
            started()
            done += len(judged)
            flagged += judged["is_broadcast"].combine_chunks().true_count
            say("score", done, posts.n_rows)
    print(f"{done:,} posts judged, {flagged:,} broadcasting: {one_line(target)}")
    renamed = [name for name in column_names(posts.schema.names) if name not in posts.schema.names]
    if renamed:
        print(f"renamed, because xinren writes columns of those names: {one_line(', '.join(renamed))}")
    return 0


def explain(post_id: str | None, text: str | None, settings: Settings) -> int:
    """Why a post of the lake, or a text, is judged so."""
    from pipeline.view.explain import explain_post, explain_text

    if (post_id is None) == (text is None):
        raise UsageError("explain: got no post or two; expected POST_ID or --text TEXT")
    if text is not None:
        explain_text(text, settings)
    elif post_id is not None:
        explain_post(post_id, settings)
    return 0


def check(settings: Settings) -> int:
    """The laws, one line a finding; exit 1 when there is one."""
    from pipeline.check import check as check_lake
    from pipeline.store import Lake

    lake = Lake.open(settings.lake)
    findings = check_lake(lake)
    for finding in findings:
        print(one_line(finding))
    if findings:
        raise PermanentError(f"check {settings.lake}: {len(findings)} findings; see the lines above")
    snapshot = lake.snapshot()
    rows = sum(file.rows for file in snapshot.files)
    print(f"all laws hold: snapshot {snapshot.number}, {len(snapshot.files):,} files, {rows:,} rows")
    return 0


def files(table: str, settings: Settings) -> int:
    """The live files of a table, one a line."""
    from pipeline.store import Lake

    _known_table(table)
    for path in Lake.open(settings.lake).files(table):
        print(path)
    return 0


def _known_table(table: str) -> None:
    if table not in tables.TABLES:
        raise UsageError(f"table {one_line(table)}: no such table; expected one of {', '.join(tables.TABLES)}")


def schema(table: str | None) -> int:
    """The data dictionary, from tables.py."""
    if table is not None:
        _known_table(table)
    for name in [table] if table else list(tables.TABLES):
        zone = " (restricted zone)" if name in tables.RESTRICTED else ""
        print(f"{name}{zone}")
        for column in tables.TABLES[name]:
            need = "required" if column.required else "nullable"
            print(f"  {column.name:26} {_type_name(column):24} {need}  {column.doc}")
        print()
    return 0


def _type_name(column: tables.Column) -> str:
    kind = str(column.type).replace("element: ", "")
    return "list<struct kind, span, text, weight>" if "struct" in kind else kind
