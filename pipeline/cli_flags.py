"""What the commands of the command line share: the parser, flags, and the settings they amount to."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from pipeline.errors import UsageError, one_line
from pipeline.settings import Settings, load_settings
from pipeline.tables import TABLES


class Parser(argparse.ArgumentParser):
    """argparse, but an error is a UsageError of one line."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError: what is wrong, and where help is."""
        command = self.prog.removeprefix("xinren").strip()
        raise UsageError(f"{command + ': ' if command else ''}{message}; see `{self.prog} --help`")


def flag(parser: argparse.ArgumentParser, *names: str, **rest: Any) -> None:
    """An option that is None where it is not given, so that the settings decide."""
    parser.add_argument(*names, default=None, **rest)


def common(parser: argparse.ArgumentParser) -> None:
    """Where settings, lake, models and corpora are."""
    flag(parser, "--settings", metavar="FILE", help="TOML file of settings; flags win over it")
    flag(parser, "--lake", metavar="URI", help="root of the lake (default: lake)")
    flag(parser, "--models", metavar="DIR", help="folder of the models (default: models)")
    flag(parser, "--corpora", metavar="DIR", help="folder of lexicon and labels (default: corpora)")


def stage_flags(parser: argparse.ArgumentParser) -> None:
    """What every stage understands: one flag a setting."""
    common(parser)
    flag(
        parser,
        "--input",
        nargs="+",
        action="extend",
        metavar="PATH",
        dest="inputs",
        help="files, folders or globs to gather",
    )
    flag(
        parser, "--feed", nargs="+", action="extend", metavar="URL", dest="feeds",
        help="live sources to ask, each from where it was left; see `xinren --help`",
    )  # fmt: skip
    flag(parser, "--feed-rows", type=int, metavar="N", help="rows of one timeline or table in a run (default 100000)")
    flag(
        parser, "--allow-private-addresses", action="store_const", const=True,
        help="ask feeds of this network and machine too",
    )  # fmt: skip
    flag(
        parser, "--gathered-at", metavar="TIME", help="when they were gathered (default: each file's modification time)"
    )
    flag(parser, "--as-of", metavar="DATE", help="trust at the end of this local day (default: the newest post's)")
    flag(parser, "--known-at", metavar="TIME", help="use only what was gathered by then")
    flag(parser, "--base-rate", type=float, help="share of broadcasting expected in the feed (default 0.3)")
    flag(parser, "--workers", type=int, help="threads for the texts (default: one per core, at most 4)")
    flag(parser, "--batch-rows", type=int, help="posts per batch (default 4000)")
    flag(
        parser,
        "--campaign-parts",
        type=int,
        metavar="N",
        help="campaigns in N parts through files (default: all at once)",
    )
    flag(parser, "--default-platform", metavar="SLUG", help="platform of native rows without one (default unknown)")
    flag(
        parser,
        "--column",
        action="append",
        metavar="NAME=COLUMN",
        help="native files: NAME is raw_posts' COLUMN; NAME= leaves it out",
    )
    flag(parser, "--keep-contacts", action="store_const", const=True, help="leave contact handles in posts.text")
    flag(parser, "--store-tokens", action="store_const", const=True, help="write tokens into post_features")
    flag(parser, "--jieba-only", action="store_const", const=False, dest="domain_words", help="no domain dictionary")
    parser.add_argument("--quiet", action="store_true", help="no progress, no summary")


def paths(parser: argparse.ArgumentParser) -> None:
    """Files to gather without a flag before them."""
    parser.add_argument("files", nargs="*", metavar="PATH", help="the same as --input PATH")


def _column(item: str) -> tuple[str, str]:
    """NAME=COLUMN; NAME= leaves the column out."""
    name, sign, column = item.partition("=")
    if not (name and sign) or column not in ("", *(c.name for c in TABLES["raw_posts"])):
        raise UsageError(
            f"--column: got {one_line(item, 80)}; expected NAME=COLUMN with a column of raw_posts, such as 内容=text, or"
            " NAME= to leave it out; see `xinren schema raw_posts`"
        )
    return name, column


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that a command was given: flags over the file and the environment."""
    stated = {name: value for name, value in vars(args).items() if name in Settings.model_fields}
    if args.command in ("run", "gather") and args.files:
        stated["inputs"] = [*args.files, *(stated["inputs"] or ())]
    if getattr(args, "column", None):
        stated["columns"] = dict(_column(item) for item in args.column)
    return load_settings(args.settings, args.command, **stated)
