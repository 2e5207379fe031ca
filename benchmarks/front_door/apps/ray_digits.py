"""The digits model behind Ray Serve: one replica, one proxy."""

from typing import Any

import digits
import numpy as np
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100, logging_config={"log_level": "ERROR"})
class Digits:
    async def __call__(self, request: Request) -> Any:
        members = await request.json()
        return {"probabilities": digits.probabilities(np.array(members["inputs"])).tolist()}


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": digits.PORT})
    serve.run(Digits.bind(), blocking=True)
