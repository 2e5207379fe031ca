"""The call that trains a model, or imports one."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from service import classifier
from service.api.access import Guarded
from service.api.described import documented, problem_responses
from service.api.once import CreatesOnce
from service.api.query import query_of
from service.api.schemas.training import TrainAnswer, TrainRequest
from service.api.training import VERSIONS, Training
from service.api.uploads import OTHER_BODIES


class TrainRoute(Guarded):
    """The route of the one call that waits for a training."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            trainer: Training = request.app.state.training
            name = request.path_params["name"]
            return await trainer.answer(request, name, query_of(self, request))

        return answer


def add_training(router: APIRouter) -> None:
    """Adds the call."""
    router.add_api_route(
        VERSIONS,
        train_version,
        methods=["POST"],
        status_code=201,
        route_class_override=TrainRoute,
        response_model=TrainAnswer,
        responses={
            **problem_responses(True, 404, 409, 501, 507),
            200: {"model": TrainAnswer, "description": "A dry run: nothing was registered"},
        },
        **documented(train_version, "models", "train", requestBody={"content": OTHER_BODIES}),
    )


def train_version(
    name: str,
    body: TrainRequest,
    once: CreatesOnce,
    label: Annotated[str | None, Query(description="Of a CSV body: the column to learn")] = None,
    weight: Annotated[
        str | None, Query(description="Of a CSV body: the column of sample weights")
    ] = None,
    options: Annotated[
        str | None, Query(description="Of a CSV body: the options as a JSON object")
    ] = None,
    format: Annotated[
        classifier.Format | None, Query(description="Of a body that is the file of a model")
    ] = None,
    classes: Annotated[
        str | None, Query(description="Of such a file: names in column order, between commas")
    ] = None,
    features: Annotated[
        str | None, Query(description="Of such a file: names in column order, between commas")
    ] = None,
    dry_run: Annotated[
        bool | None, Query(description="Of a CSV body or a file: registers nothing")
    ] = None,
) -> None:
    """Trains a model, or imports one, as the next version of its name.

    With `inputs` and `labels` or `targets` it is fitted to its optimum, and `converged` tells
    whether it got there; with `coefficients`, `intercepts` and `classes` it is imported. One
    training runs at a time.

    A body of text/csv is a table whose first line names the columns; those that are neither label
    nor weight are the features.

    The artifact of a version, sent as it was downloaded, is imported under the name of the path.
    What it says of its training is not taken over; `training.artifact_digest` tells which it was.

    With `format` in the query the body is the file of a model, as the export of a version writes
    it: `json` (scikit-learn's attributes too), `safetensors`, `torch` or `onnx`.

    A body that does not have the Content-Digest or Repr-Digest that it came with is refused. With
    an Idempotency-Key the same request may be sent again: it registers one version.
    """
