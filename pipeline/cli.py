"""The command line: the same stages, names and settings as the flows, for a shell.

Exit 0 done, 1 failed, 2 usage; an error is one line on standard error: what, where, got, expected, next step.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from pipeline import commands
from pipeline.cli_flags import Parser, common, flag, paths, settings_of, stage_flags
from pipeline.cli_learning import Command, labels, learning
from pipeline.errors import UsageError, XinrenError, one_line
from pipeline.short_start import hide_unwanted, put_off_collecting

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


def _campaign_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many of the largest to show (default 10)")
    flag(parser, "--kind", metavar="KIND", help="only template, same_author, repost, chain, quote or flood")
    flag(parser, "--show", metavar="CAMPAIGN_ID", help="one campaign with its wordings, from the lake as it is")
    parser.set_defaults(
        run=lambda a: commands.campaigns(settings_of(a), top=a.top, kind=a.kind, show=a.show, quiet=a.quiet)
    )


def _trust_flags(parser: argparse.ArgumentParser) -> None:
    flag(parser, "--from", metavar="DATE", dest="first", help="trust as of many days: the first of them")
    flag(parser, "--to", metavar="DATE", dest="last", help="the last day there may be")
    flag(parser, "--every", metavar="DAYS", help="days from one to the next, or month for month ends (default 30)")
    parser.set_defaults(
        run=lambda a: commands.trust(settings_of(a), first=a.first, last=a.last, every=a.every, quiet=a.quiet)
    )


def _summary_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=14, metavar="N", help="how many of the newest to show (default 14)")
    flag(
        parser,
        "--show",
        metavar="DAY",
        help="one day by platform, topic, search word and campaign, from the lake as it is",
    )
    parser.set_defaults(run=lambda a: commands.summary(settings_of(a), days=a.days, show=a.show, quiet=a.quiet))


_STAGES = {
    "gather": "exports -> raw_posts, rejects, posts", "features": "posts -> post_features (the text alone)",
    "campaigns": "near-duplicates across authors -> campaigns", "judge": "-> post_judgements, author_days",
    "trust": "-> author_trust, author_months, author_cohorts", "summary": "-> daily_summary, daily_feelings",
}  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    parser = Parser(
        prog="xinren", description="Genuine sharing or broadcasting? Trust and sentiment features from Chinese social posts.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    sub = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    def command(name: str, help_: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = sub.add_parser(name, help=help_, description=help_)
        made.set_defaults(run=run)
        return made

    run = command(
        "run", "gather to daily_summary, in one go",
        lambda a: commands.run(settings_of(a), flow=a.flow, quiet=a.quiet, page=a.report),
    )  # fmt: skip
    stage_flags(run)
    paths(run)
    flag(run, "--report", metavar="FILE", help="then write the HTML page of `xinren report` there")
    run.add_argument("--flow", action="store_true", help="as the Prefect flow `daily`, without a server to start first")
    for name, help_ in _STAGES.items():
        stage = command(name, help_, lambda a: commands.stage(a.command, settings_of(a), quiet=a.quiet))
        stage_flags(stage)
        if name == "gather":
            paths(stage)
        if name == "campaigns":
            _campaign_flags(stage)
        if name == "trust":
            _trust_flags(stage)
        if name == "summary":
            _summary_flags(stage)
    _scoring(command)
    _lake_commands(command)
    learning(command)
    labels(command)
    return parser


def _scoring(command: Command) -> None:
    score = command(
        "score", "judge a file of posts (CSV, JSONL, Parquet) by text alone, row order kept",
        lambda a: commands.score(a.file, a.out, a.text_column, settings_of(a)),
    )  # fmt: skip
    common(score)
    score.add_argument("file")
    flag(score, "--out", metavar="FILE", help=".parquet, .csv or .jsonl (default: FILE's name with .scored.parquet)")
    score.add_argument(
        "--text-column", default="text", metavar="NAME", help="column that holds the text (default text)"
    )
    flag(score, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")
    explain = command(
        "explain", "why a post of the lake, or any text, is judged so",
        lambda a: commands.explain(a.post_id, a.text, settings_of(a)),
    )  # fmt: skip
    common(explain)
    explain.add_argument("post_id", nargs="?", help="a post_id of the lake")
    flag(explain, "--text", help="any text")
    flag(explain, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")


def _lake_commands(command: Command) -> None:
    author = command(
        "author", "one author's card: trust, what it is made of, months, campaigns",
        lambda a: commands.author(a.author_id, settings_of(a)),
    )  # fmt: skip
    common(author)
    author.add_argument("author_id", help="a keyed author_id of the lake, or the beginning of one")
    flag(author, "--as-of", metavar="DATE", help="trust as of this day (default: the newest there is)")
    report = command(
        "report", "one HTML page of the lake: days, campaigns, trust; no network, no script",
        lambda a: commands.report(a.out, a.top, settings_of(a)),
    )  # fmt: skip
    common(report)
    report.add_argument("--out", default="report.html", metavar="FILE", help="the page (default report.html)")
    report.add_argument("--top", type=int, default=10, metavar="N", help="campaigns shown, at most 100 (default 10)")
    check = command(
        "check", "verify the laws, and every file against its schema", lambda a: commands.check(settings_of(a))
    )
    common(check)
    files = command("files", "the live files of a table", lambda a: commands.files(a.table, settings_of(a)))
    common(files)
    files.add_argument("table")
    schema = command("schema", "the data dictionary", lambda a: commands.schema(a.table))
    schema.add_argument("table", nargs="?")


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    args, more = build_parser().parse_known_args(argv)
    if not more:
        return args
    files = args.command in _STAGES and any(not word.startswith("-") for word in more)
    hint = "; files are read by `xinren run PATH` and `xinren gather PATH`" if files else ""
    command = f"{args.command} " if args.command else ""
    place = f"{args.command}: " if args.command else ""
    raise UsageError(f"{place}unrecognized arguments: {' '.join(more)}{hint}; see `xinren {command}--help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Without `argv` the process is the command's own, and it takes its words from there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no Chinese shows codes, not a crash
    try:
        args = _parsed(argv)
        if args.version:
            return commands.version()
        if args.command is None:
            raise UsageError("xinren: no command; expected run, score, explain, check, ...; see `xinren --help`")
        if argv is None and args.command in _TEXTS_ALONE:
            hide_unwanted()
            put_off_collecting()
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
