"""`xent export` and `import`: models to and from other programs."""

from pathlib import Path

import click

from service import classifier
from service.cli.options import FILE, OUT
from service.cli.tables import read_model
from service.wire import label_names


@click.command()
@click.argument("model")
@click.option("--out", type=OUT, required=True, help="Where to write.")
@click.option(
    "--format", "form", type=click.Choice(classifier.FORMATS), help="By default what --out ends in."
)
def export(model: str, out: Path, form: str | None) -> None:
    """Write MODEL for other programs: json, onnx, torch (weight and bias), or safetensors."""
    form = form or out.suffix.removeprefix(".")
    known: dict[str, classifier.Format] = {name: name for name in classifier.FORMATS}
    if form not in known:
        raise click.UsageError(f"--out ends in no format; name one of {', '.join(known)}")
    out.write_bytes(classifier.write_format(read_model(model), known[form]))


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--out", type=OUT, required=True, help="Where the model is written (safetensors).")
@click.option("--name", default="model", show_default=True, help="Of the model.")
@click.option("--classes", help="Names in column order, separated by commas.")
@click.option("--features", help="Names in column order, separated by commas.")
def import_model(
    file: Path, out: Path, name: str, classes: str | None, features: str | None
) -> None:
    """Read FILE as others write it: .json (scikit-learn), .onnx, or .safetensors (torch, Xent).

    What it says of its training is not taken over.
    """
    labels = None if classes is None else label_names(classes.split(",")).tolist()
    names = None if features is None else tuple(features.split(","))
    body = file.read_bytes()
    form: classifier.Format
    if file.suffix == ".json":
        form = "json"
    elif file.suffix == ".onnx":
        form = "onnx"
    elif file.suffix == ".safetensors":
        form = "safetensors" if classifier.is_artifact(body, len(body)) else "torch"
    else:
        raise click.UsageError("FILE must end in .json, .onnx or .safetensors")
    model = classifier.read_format(body, form, name=name, classes=labels, feature_names=names)
    out.write_bytes(classifier.to_bytes(model))
    if model.metadata["training"].get("classes_numbered"):
        text = f"{file} names no classes; they are called 0 to {len(model.classes) - 1}"
        click.echo(f"Warning: {text}: --classes names them", err=True)
