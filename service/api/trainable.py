"""What can be trained: checked before any time is spent on it."""

import numpy as np

from service.api.schemas.training import TrainRequest
from service.errors import Code, Fault, InvalidInput, TooLarge
from service.settings import Settings


def check_members(
    body: TrainRequest,
    needed: tuple[str, ...],
    either: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> None:
    """Which members stand together.

    Args:
        body: the request.
        needed: all of these.
        either: exactly one of these.
        others: none of these.

    Raises:
        InvalidInput: a member that is missing, or means nothing beside the others.
    """
    faults = [
        Fault(f"/{name}", Code.MISSING_MEMBER, f"{name} is needed")
        for name in needed
        if getattr(body, name) is None
    ]
    faults += [
        Fault(f"/{name}", Code.CONFLICTING_MEMBERS, f"{name} means nothing beside {needed[0]}")
        for name in others
        if getattr(body, name) is not None
    ]
    count = sum(getattr(body, name) is not None for name in either)
    if either and count != 1:
        code = Code.CONFLICTING_MEMBERS if count else Code.MISSING_MEMBER
        text = f"one of {' and '.join(either)} is needed"
        faults.append(Fault(f"/{either[0]}", code, text))
    if faults:
        raise InvalidInput(faults)


def check_names(body: TrainRequest) -> None:
    """Names that a model cannot have, before rather than after the fit.

    Raises:
        InvalidInput: with every member that holds some.
    """
    faults = []
    names, inputs = body.feature_names, body.inputs
    assert inputs is not None
    if names is not None and inputs.ndim == 2:
        width = inputs.shape[1]
        if len(names) != width or len(set(names)) != width:
            text = f"feature_names must be {width} distinct names, one for every column of inputs"
            faults.append(Fault("/feature_names", Code.SHAPE_MISMATCH, text))
    classes = body.classes
    if classes is not None and (len(classes) < 2 or len(set(classes)) != len(classes)):
        text = "classes must be two or more distinct names"
        faults.append(Fault("/classes", Code.NOT_A_LABEL, text))
    if (
        body.labels is not None
        and body.labels.ndim
        and inputs.ndim
        and len(body.labels) != len(inputs)
    ):
        text = f"labels has {len(body.labels)} rows; inputs has {len(inputs)}"
        faults.append(Fault("/labels", Code.SHAPE_MISMATCH, text))
    elif classes is None and body.labels is not None and body.labels.ndim == 1:
        found = set(body.labels.tolist())
        if len(found) < 2:
            text = "labels must name two classes or more: with one there is nothing to learn"
            faults.append(Fault("/labels", Code.EMPTY_REDUCTION, text))
    if faults:
        raise InvalidInput(faults)


def check_size(body: TrainRequest, settings: Settings) -> None:
    """How much is to be trained.

    Raises:
        TooLarge: more numbers than the limit.
    """
    inputs = body.inputs
    assert inputs is not None
    if inputs.ndim != 2:
        return  # told with its shape by the fit
    rows, width = inputs.shape
    if body.classes is not None:
        classes = len(body.classes)
    elif body.targets is not None:
        classes = body.targets.shape[-1] if body.targets.ndim else 1
    else:
        assert body.labels is not None
        classes = len(np.unique(body.labels.astype(str)))
    check_cells("inputs, rows times features,", rows * width, settings)
    check_cells("rows times classes", rows * classes, settings)
    check_cells("classes times features", classes * (width + 1), settings)


def check_cells(what: str, count: int, settings: Settings) -> None:
    """Whether so many numbers, called `what`, are within the limit.

    Raises:
        TooLarge: they are not.
    """
    limit = settings.max_training_elements
    if count > limit:
        text = f"{what} make {count} numbers; the limit XENT_MAX_TRAINING_ELEMENTS is {limit}"
        raise TooLarge(Code.TRAINING_TOO_LARGE, text)
