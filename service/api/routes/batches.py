"""Running evaluations: opened, filled by batches from any number of clients, closed."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from service.api.keeping import Steps, add_keeping
from service.api.media import JSON
from service.api.metrics import Metrics
from service.api.once import REPLAYED, CreatesOnce, Once
from service.api.routes.evaluations import ONE, PATH, described, made, split
from service.api.schemas.evaluations import (
    BatchAnswer,
    BatchRequest,
    EvaluationAnswer,
    OpenRequest,
)
from service.api.stored import add_stored
from service.errors import Code, TooLarge
from service.evaluation import Options
from service.registry import Batch, Evaluations
from service.settings import Settings
from service.wire import dump_json

BatchKey = Annotated[
    str,
    Header(description='The key of the batch, 1 to 255 characters between double quotes: "day-1"'),
]


def add_batches(
    router: APIRouter, evaluations: Evaluations, settings: Settings, metrics: Metrics
) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        evaluations: keeps them.
        settings: with the limit of classes.
        metrics: count the batches.
    """

    def open_evaluation(body: OpenRequest, once: CreatesOnce) -> Response:
        """Opens an evaluation that takes batches of rows, from any number of clients.

        Its options are fixed from here on, `classes` or `class_count` among them.
        """
        facts, given = split(body)
        options = Options.of(**given)
        if options.class_count > settings.max_classes:
            text = f"{options.class_count} classes; the limit XENT_MAX_CLASSES is "
            raise TooLarge(Code.TOO_MANY_CLASSES, text + str(settings.max_classes))
        return once.perform(
            lambda connection: made(evaluations.running.open(connection, facts, options))
        )

    def push_batch(id: str, body: BatchRequest, idempotency_key: BatchKey) -> None:
        """Counts a batch of rows, once.

        The key names the batch: sent again under the same key, as after an answer that was lost, it
        is answered as before and not counted again, as long as the evaluation exists. A batch that
        does not fit the evaluation is refused whole.
        """

    def look(id: str) -> dict[str, Any]:
        return {"options": evaluations.running.options(id)}

    def score(id: str, options: Options, key: str, body: BatchRequest) -> Batch:
        return Batch.of(options.score(key, **body.arguments()))

    def push(thing: Batch, once: Once, id: str) -> Response:
        key = once.attempt.key
        pushed = evaluations.running.push(id, key, once.attempt.request, thing)
        metrics.pushed(repeated=pushed.repeated)
        counted = {"count": pushed.count, "ignored": pushed.ignored}
        headers = REPLAYED if pushed.repeated else None
        return Response(dump_json({"evaluation": id, "batch": key, **counted}), 200, headers, JSON)

    def close_evaluation(id: str) -> Response:
        """Ends an evaluation: it takes no more batches, and keeps its report.

        Of one that is closed already nothing changes.
        """
        evaluations.running.close(id)
        return Response(dump_json(described(evaluations.find(id))), 200, None, JSON)

    add_stored(
        router, "POST", PATH + "/open", open_evaluation, 409, 507,
        access="train", answer=EvaluationAnswer, status=201, tag="evaluation",
    )  # fmt: skip
    steps = Steps(score, push, look, keyed=True)
    path = ONE + "/batches"
    add_keeping(router, path, push_batch, steps, BatchAnswer, 200, 404, access="train")
    add_stored(
        router, "POST", ONE + "/close", close_evaluation, 404, 409, 503, 507,
        access="train", answer=EvaluationAnswer, tag="evaluation",
    )  # fmt: skip
