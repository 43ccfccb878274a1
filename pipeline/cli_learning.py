"""The commands that train and measure models, and the round trip of labels."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from pipeline import label_commands, learn_commands
from pipeline.cli_flags import Parser, common, flag, settings_of
from pipeline.errors import UsageError

Command = Callable[[str, str, Callable[[argparse.Namespace], int]], argparse.ArgumentParser]


def learning(command: Command) -> None:
    """`train`, `evaluate`, `promote`."""
    train = command(
        "train", "train a candidate model, with card and figures",
        lambda a: learn_commands.train(a.model, a.data, a.out, a.labels or [], settings_of(a)),
    )  # fmt: skip
    evaluate = command(
        "evaluate", "measure a model's recipe beside the usual baseline",
        lambda a: learn_commands.evaluate(a.model, a.data, a.card, settings_of(a)),
    )  # fmt: skip
    for parser in (train, evaluate):
        common(parser)
        parser.add_argument("model", help="judge, sentiment or trust")
        parser.add_argument("--data", required=True, metavar="DIR", help="folder of the public data sets")
    flag(train, "--out", metavar="DIR", help="candidate folder (default: candidates/MODEL)")
    flag(evaluate, "--card", metavar="DIR", help="judge's folder whose card, metrics.json and plots are written anew")
    flag(
        train, "--labels", action="append", metavar="FILE",
        help="judge: train on these readings too (see `xinren labels import`); their texts are found in --lake",
    )  # fmt: skip
    promote = command(
        "promote", "put a candidate into models/", lambda a: learn_commands.promote(a.candidate, settings_of(a))
    )
    common(promote)
    promote.add_argument("candidate")


def labels(command: Command) -> None:
    """`labels export|import` and `corpora list|fetch`: commands of two words."""
    labels = command("labels", "round trip with Label Studio, doccano or a spreadsheet", lambda a: a.do(a))
    labels.set_defaults(do=lambda a: _two_words(a, "export", "import"))
    inner = labels.add_subparsers(metavar="export|import", parser_class=Parser)
    export = inner.add_parser("export", help="the posts of the lake most worth labelling, contacts replaced")
    export.set_defaults(do=lambda a: label_commands.export(
        settings_of(a), a.format, a.out, a.most, with_guess=a.with_guess
    ))  # fmt: skip
    export.add_argument("--format", default="label-studio", metavar="TOOL", help="label-studio, doccano or csv")
    flag(export, "--out", metavar="FILE", help="default: to_label.json, .jsonl or .csv")
    export.add_argument("--most", type=int, default=200, metavar="N", help="how many posts (default 200)")
    flag(export, "--base-rate", type=float, help="share of broadcasting expected (default 0.3)")
    export.add_argument(
        "--with-guess", action="store_true", help="Label Studio: show the judge's label beside the post"
    )
    taken = inner.add_parser("import", help="add a tool's export to corpora/labels, keyed by the hash of the text")
    taken.set_defaults(do=lambda a: label_commands.import_(settings_of(a), a.files, a.out, a.map or []))
    taken.add_argument("files", nargs="+", metavar="FILE")
    flag(taken, "--out", metavar="FILE", help="file of readings to add to (default: CORPORA/labels/imported.csv)")
    flag(taken, "--map", action="append", metavar="NAME=LABEL", help="what a label of the tool's means here")
    corpora = command("corpora", "public data sets by registry", lambda a: a.do(a))
    corpora.set_defaults(do=lambda a: _two_words(a, "list", "fetch"))
    inner = corpora.add_subparsers(metavar="list|fetch", parser_class=Parser)
    listed = inner.add_parser("list", help="what there is, from where, under what licence")
    listed.set_defaults(do=lambda a: label_commands.list_sets(settings_of(a)))
    fetched = inner.add_parser("fetch", help="download one, every file checked by its hash, into CORPORA/public")
    fetched.set_defaults(do=lambda a: label_commands.fetch(settings_of(a), a.name))
    fetched.add_argument("name")
    for parser in (export, taken, listed, fetched):
        common(parser)


def _two_words(args: argparse.Namespace, *second: str) -> NoReturn:
    raise UsageError(f"{args.command}: no second word; expected {args.command} {' or '.join(second)}")
