"""The command line: the same stages, names and settings as the flows, for a shell.

Exit 0 done, 1 failed, 2 usage; an error is one line on standard error: what, where, got, expected, next step.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any, NoReturn

from pipeline import commands, label_commands
from pipeline.errors import UsageError, XinrenError, one_line
from pipeline.settings import Settings, load_settings
from pipeline.short_start import hide_unwanted
from pipeline.tables import TABLES

_TEXTS_ALONE = ("score", "explain")  # commands after which someone waits, and that read texts and no more
EXAMPLES = """examples:
  xinren run --input exports/ --lake lake                 gather to daily_summary, in one go
  xinren run --input 'exports/*.csv' --gathered-at 2026-10-20T20:00:00+08:00
  xinren gather --feed https://example.org/feed.xml       RSS, Atom, JSON Feed or RSSHub, where it has changed
  xinren gather --feed mastodon+https://mastodon.social/tags/读书 mastodon+https://mastodon.social/@NAME
  xinren gather --feed 'postgresql://reader@db/crawler#weibo_note'  rows of a table by its primary key
                                                          (tokens and passwords: XINREN_TOKEN_<HOST>, such as
                                                          XINREN_TOKEN_MASTODON_SOCIAL; never in a URL)
  xinren score posts.csv --out judged.csv                 judge a file of posts by text alone
  xinren explain --text '招代理，一件代发，加我微信'        why a text is judged so
  xinren campaigns --lake lake --kind flood --top 20      the same words by many accounts, the largest first
  xinren summary --lake lake --show 2026-03-01            how people felt that day, with and without broadcasting
  xinren author 3f9a --lake lake                          one author's trust, months and campaigns
  xinren report --lake lake --out report.html             one page of it all, for a browser or a printer
  xinren trust --from 2026-01-31 --to 2026-10-31 --every month   trust as of each month's end
  xinren check --lake lake                                the laws of the lake, file by file
  xinren files post_judgements                            the live files of a table
  xinren schema author_trust                              the data dictionary
  xinren labels export --format doccano --lake lake       the posts most worth labelling
  xinren evaluate judge --data DIR                        the judge beside the usual baseline
  xinren evaluate sentiment --data DIR                    feelings per kind of text, beside SnowNLP
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        unknown, sign, words = message.partition("unrecognized arguments: ")
        if sign and not unknown and any(not word.startswith("-") for word in words.split()):
            message += "; files are read by `xinren run PATH` and `xinren gather PATH`"
        command = self.prog.removeprefix("xinren").strip()
        raise UsageError(f"{command + ': ' if command else ''}{message}; see `{self.prog} --help`")


def _flag(parser: argparse.ArgumentParser, *names: str, **rest: Any) -> None:
    parser.add_argument(*names, default=None, **rest)


def _common(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "--settings", metavar="FILE", help="TOML file of settings; flags win over it")
    _flag(parser, "--lake", metavar="URI", help="root of the lake (default: lake)")
    _flag(parser, "--models", metavar="DIR", help="folder of the models (default: models)")
    _flag(parser, "--corpora", metavar="DIR", help="folder of lexicon and labels (default: corpora)")


def _stage_flags(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    _flag(
        parser,
        "--input",
        nargs="+",
        action="extend",
        metavar="PATH",
        dest="inputs",
        help="files, folders or globs to gather",
    )
    _flag(
        parser, "--feed", nargs="+", action="extend", metavar="URL", dest="feeds",
        help="live sources to ask, each from where it was left; see `xinren --help`",
    )  # fmt: skip
    _flag(parser, "--feed-rows", type=int, metavar="N", help="rows of one timeline or table in a run (default 100000)")
    _flag(
        parser, "--allow-private-addresses", action="store_const", const=True,
        help="ask feeds of this network and machine too",
    )  # fmt: skip
    _flag(
        parser, "--gathered-at", metavar="TIME", help="when they were gathered (default: each file's modification time)"
    )
    _flag(parser, "--as-of", metavar="DATE", help="trust at the end of this local day (default: the newest post's)")
    _flag(parser, "--known-at", metavar="TIME", help="use only what was gathered by then")
    _flag(parser, "--base-rate", type=float, help="share of broadcasting expected in the feed (default 0.3)")
    _flag(parser, "--workers", type=int, help="threads for the texts (default: one per core, at most 4)")
    _flag(parser, "--batch-rows", type=int, help="posts per batch (default 4000)")
    _flag(parser, "--default-platform", metavar="SLUG", help="platform of native rows without one (default unknown)")
    _flag(
        parser,
        "--column",
        action="append",
        metavar="NAME=COLUMN",
        help="native files: NAME is raw_posts' COLUMN; NAME= leaves it out",
    )
    _flag(parser, "--keep-contacts", action="store_const", const=True, help="leave contact handles in posts.text")
    _flag(parser, "--store-tokens", action="store_const", const=True, help="write tokens into post_features")
    _flag(parser, "--jieba-only", action="store_const", const=False, dest="domain_words", help="no domain dictionary")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="PATH", help="the same as --input PATH")


def _campaign_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many of the largest to show (default 10)")
    _flag(parser, "--kind", metavar="KIND", help="only template, same_author, repost, chain, quote or flood")
    _flag(parser, "--show", metavar="CAMPAIGN_ID", help="one campaign with its wordings, from the lake as it is")
    parser.set_defaults(
        run=lambda a: commands.campaigns(_settings(a), top=a.top, kind=a.kind, show=a.show, quiet=a.quiet)
    )


def _trust_flags(parser: argparse.ArgumentParser) -> None:
    _flag(parser, "--from", metavar="DATE", dest="first", help="trust as of many days: the first of them")
    _flag(parser, "--to", metavar="DATE", dest="last", help="the last day there may be")
    _flag(parser, "--every", metavar="DAYS", help="days from one to the next, or month for month ends (default 30)")
    parser.set_defaults(
        run=lambda a: commands.trust(_settings(a), first=a.first, last=a.last, every=a.every, quiet=a.quiet)
    )


def _summary_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=14, metavar="N", help="how many of the newest to show (default 14)")
    _flag(
        parser,
        "--show",
        metavar="DAY",
        help="one day by platform, topic, search word and campaign, from the lake as it is",
    )
    parser.set_defaults(run=lambda a: commands.summary(_settings(a), days=a.days, show=a.show, quiet=a.quiet))


_STAGES = {
    "gather": "exports -> raw_posts, rejects, posts", "features": "posts -> post_features (the text alone)",
    "campaigns": "near-duplicates across authors -> campaigns", "judge": "-> post_judgements, author_days",
    "trust": "-> author_trust, author_months, author_cohorts", "summary": "-> daily_summary, daily_feelings",
}  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    parser = _Parser(
        prog="xinren", description="Genuine sharing or broadcasting? Trust and sentiment features from Chinese social posts.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    def command(name: str, help_: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = sub.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    run = command(
        "run", "gather to daily_summary, in one go",
        lambda a: commands.run(_settings(a), flow=a.flow, quiet=a.quiet, page=a.report),
    )  # fmt: skip
    _stage_flags(run)
    _files(run)
    _flag(run, "--report", metavar="FILE", help="then write the HTML page of `xinren report` there")
    run.add_argument("--flow", action="store_true", help="as the Prefect flow `daily`, without a server to start first")
    for name, help_ in _STAGES.items():
        stage = command(name, help_, lambda a: commands.stage(a.command, _settings(a), quiet=a.quiet))
        _stage_flags(stage)
        if name == "gather":
            _files(stage)
        if name == "campaigns":
            _campaign_flags(stage)
        if name == "trust":
            _trust_flags(stage)
        if name == "summary":
            _summary_flags(stage)
    _scoring(command)
    _lake_commands(command)
    _learning(command)
    _labels(command)
    return parser


_Command = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def _scoring(command: _Command) -> None:
    score = command(
        "score", "judge a file of posts (CSV, JSONL, Parquet) by text alone, row order kept",
        lambda a: commands.score(a.file, a.out, a.text_column, _settings(a)),
    )  # fmt: skip
    _common(score)
    score.add_argument("file")
    _flag(score, "--out", metavar="FILE", help=".parquet, .csv or .jsonl (default: FILE's name with .scored.parquet)")
    score.add_argument(
        "--text-column", default="text", metavar="NAME", help="column that holds the text (default text)"
    )
    _flag(score, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")
    explain = command(
        "explain", "why a post of the lake, or any text, is judged so",
        lambda a: commands.explain(a.post_id, a.text, _settings(a)),
    )  # fmt: skip
    _common(explain)
    explain.add_argument("post_id", nargs="?", help="a post_id of the lake")
    _flag(explain, "--text", help="any text")
    _flag(explain, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")


def _lake_commands(command: _Command) -> None:
    author = command(
        "author", "one author's card: trust, what it is made of, months, campaigns",
        lambda a: commands.author(a.author_id, _settings(a)),
    )  # fmt: skip
    _common(author)
    author.add_argument("author_id", help="a keyed author_id of the lake, or the beginning of one")
    _flag(author, "--as-of", metavar="DATE", help="trust as of this day (default: the newest there is)")
    report = command(
        "report", "one HTML page of the lake: days, campaigns, trust; no network, no script",
        lambda a: commands.report(a.out, a.top, _settings(a)),
    )  # fmt: skip
    _common(report)
    report.add_argument("--out", default="report.html", metavar="FILE", help="the page (default report.html)")
    report.add_argument("--top", type=int, default=10, metavar="N", help="campaigns shown, at most 100 (default 10)")
    check = command(
        "check", "verify the laws, and every file against its schema", lambda a: commands.check(_settings(a))
    )
    _common(check)
    files = command("files", "the live files of a table", lambda a: commands.files(a.table, _settings(a)))
    _common(files)
    files.add_argument("table")
    schema = command("schema", "the data dictionary", lambda a: commands.schema(a.table))
    schema.add_argument("table", nargs="?")


def _learning(command: _Command) -> None:
    train = command(
        "train", "train a candidate model, with card and figures",
        lambda a: commands.train(a.model, a.data, a.out, a.labels or [], _settings(a)),
    )  # fmt: skip
    evaluate = command(
        "evaluate", "measure a model's recipe beside the usual baseline",
        lambda a: commands.evaluate(a.model, a.data, a.card, _settings(a)),
    )  # fmt: skip
    for parser in (train, evaluate):
        _common(parser)
        parser.add_argument("model", help="judge, sentiment or trust")
        parser.add_argument("--data", required=True, metavar="DIR", help="folder of the public data sets")
    _flag(train, "--out", metavar="DIR", help="candidate folder (default: candidates/MODEL)")
    _flag(evaluate, "--card", metavar="DIR", help="judge's folder whose card, metrics.json and plots are written anew")
    _flag(
        train, "--labels", action="append", metavar="FILE",
        help="judge: train on these readings too (see `xinren labels import`); their texts are found in --lake",
    )  # fmt: skip
    promote = command("promote", "put a candidate into models/", lambda a: commands.promote(a.candidate, _settings(a)))
    _common(promote)
    promote.add_argument("candidate")


def _labels(command: _Command) -> None:
    """`labels export|import` and `corpora list|fetch`: commands of two words."""
    labels = command("labels", "round trip with Label Studio, doccano or a spreadsheet", lambda a: a.do(a))
    labels.set_defaults(do=lambda a: _two_words(a, "export", "import"))
    inner = labels.add_subparsers(metavar="export|import", parser_class=_Parser)
    export = inner.add_parser("export", help="the posts of the lake most worth labelling, contacts replaced")
    export.set_defaults(do=lambda a: label_commands.export(
        _settings(a), a.format, a.out, a.most, with_guess=a.with_guess
    ))  # fmt: skip
    export.add_argument("--format", default="label-studio", metavar="TOOL", help="label-studio, doccano or csv")
    _flag(export, "--out", metavar="FILE", help="default: to_label.json, .jsonl or .csv")
    export.add_argument("--most", type=int, default=200, metavar="N", help="how many posts (default 200)")
    _flag(export, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")
    export.add_argument(
        "--with-guess", action="store_true", help="Label Studio: show the judge's label beside the post"
    )
    taken = inner.add_parser("import", help="add a tool's export to corpora/labels, keyed by the hash of the text")
    taken.set_defaults(do=lambda a: label_commands.import_(_settings(a), a.files, a.out, a.map or []))
    taken.add_argument("files", nargs="+", metavar="FILE")
    _flag(taken, "--out", metavar="FILE", help="file of readings to add to (default: CORPORA/labels/imported.csv)")
    _flag(taken, "--map", action="append", metavar="NAME=LABEL", help="what a label of the tool's means here")
    corpora = command("corpora", "public data sets by registry", lambda a: a.do(a))
    corpora.set_defaults(do=lambda a: _two_words(a, "list", "fetch"))
    inner = corpora.add_subparsers(metavar="list|fetch", parser_class=_Parser)
    listed = inner.add_parser("list", help="what there is, from where, under what licence")
    listed.set_defaults(do=lambda a: label_commands.list_sets(_settings(a)))
    fetched = inner.add_parser("fetch", help="download one, every file checked by its hash, into CORPORA/public")
    fetched.set_defaults(do=lambda a: label_commands.fetch(_settings(a), a.name))
    fetched.add_argument("name")
    for parser in (export, taken, listed, fetched):
        _common(parser)


def _two_words(args: argparse.Namespace, *second: str) -> NoReturn:
    raise UsageError(f"{args.command}: no second word; expected {args.command} {' or '.join(second)}")


def _column(item: str) -> tuple[str, str]:
    """NAME=COLUMN; NAME= leaves the column out."""
    name, sign, column = item.partition("=")
    if not (name and sign) or column not in ("", *(c.name for c in TABLES["raw_posts"])):
        raise UsageError(
            f"--column: got {one_line(item, 80)}; expected NAME=COLUMN with a column of raw_posts, such as 内容=text, or"
            " NAME= to leave it out; see `xinren schema raw_posts`"
        )
    return name, column


def _settings(args: argparse.Namespace) -> Settings:
    stated = {name: value for name, value in vars(args).items() if name in Settings.model_fields}
    if args.command in ("run", "gather") and args.files:
        stated["inputs"] = [*args.files, *(stated["inputs"] or ())]
    if getattr(args, "column", None):
        stated["columns"] = dict(_column(item) for item in args.column)
    return load_settings(args.settings, args.command, **stated)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Without `argv` the process is the command's own, and it takes its words from there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no Chinese shows codes, not a crash
    try:
        args = build_parser().parse_args(argv)
        if args.version:
            return commands.version()
        if args.command is None:
            raise UsageError("xinren: no command; expected run, score, explain, check, ...; see `xinren --help`")
        if argv is None and args.command in _TEXTS_ALONE:
            hide_unwanted()
        status = int(args.run(args))
        sys.stdout.flush()
        return status
    except XinrenError as error:
        return _fail(error, 2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        return _fail("stopped; the lake is as it was before, run again to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `| head` has enough; Python flushes once more
        return 1
    except OSError as error:
        return _fail(f"{error.filename or 'system'}: {error.strerror or error}; nothing was changed", 1)


def _fail(error: object, status: int) -> int:
    print(f"xinren: {one_line(error)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
