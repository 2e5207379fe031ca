"""Options that commands share; those of a fit from their one definition."""

import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import click

from service.classifier import Options

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Out(click.Path):
    """A file to be written, after work that may take hours: what stands against it is told before.

    `click.Path` looks only at a file that is there.
    """

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The path, if a file can be made there."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.exists() and not os.access(path.parent, os.W_OK):
            self.fail(f"nothing can be written to the folder {path.parent}", param, ctx)
        return path


OUT = _Out(dir_okay=False, writable=True, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
label_column = click.option("--label", required=True, help="Column of the true classes.")
weight_column = click.option("--weights", help="Column of sample weights.")
probabilities_columns = click.option(
    "--probabilities", help="Of files of predictions: a pattern of columns, as 'p_*'."
)
logits_columns = click.option("--logits", help="The same, where the columns are raw scores.")
slices = click.option(
    "--slice", "slices", multiple=True, help="Column to report on apart; repeatable."
)
normalize = click.option(
    "--normalize",
    type=click.Choice(["reject", "renormalize", "off"]),
    default="reject",
    show_default=True,
    help="Rows of probabilities whose sum is off 1.",
)

_DESCRIBED = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)


class ClassWeights(click.ParamType[Any]):
    """`balanced`, or JSON: weights in class order or by class name."""

    name = "balanced|JSON"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The weights, of which `Options` and the fit check the meaning."""
        if not isinstance(value, str) or value == "balanced":
            return value
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        weights = found.values() if isinstance(found, dict) else found
        if not isinstance(found, list | dict) or not all(type(w) in (int, float) for w in weights):
            self.fail("is neither balanced nor a JSON array or object of numbers", param, ctx)
        return found


def fit_options(command: Command) -> Command:
    """Adds an option for every field of `Options`, of the same name, type and default."""
    described = dict(_DESCRIBED.findall(inspect.getdoc(Options) or ""))
    types = get_type_hints(Options)
    for entry in reversed(fields(Options)):
        name, kinds = entry.name.replace("_", "-"), get_args(types[entry.name])
        kind = next((k for k in kinds if k in (int, float, str)), types[entry.name])
        text = " ".join(described.get(entry.name, "").replace("`", "").split())
        spelled = f"--{name}/--no-{name}" if kind is bool else f"--{name}"
        assert entry.default is not MISSING
        command = click.option(
            spelled,
            entry.name,
            type=ClassWeights() if entry.name == "class_weights" else kind,
            default=entry.default,
            show_default=entry.default is not None,
            help=text,
        )(command)
    return command


def options_from(given: Mapping[str, Any], integers: bool) -> Options:
    """The options of a fit.

    Args:
        given: by name.
        integers: whether the classes are integers, as which a reference class is then read.
    """
    members = dict(given)
    reference = members["reference_class"]
    if integers and reference is not None and re.fullmatch(r"-?\d{1,18}", str(reference)):
        members["reference_class"] = int(reference)
    return Options(**members)
