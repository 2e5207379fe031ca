"""The digits model behind LitServe: one API process, one worker, as it comes."""

from typing import Any

import digits
import litserve
import numpy as np
from fastapi import Request


class Digits(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    # LitServe tells FastAPI the type of the body by this annotation.
    def decode_request(self, request: Request) -> Any:
        return np.array(request["inputs"])

    def predict(self, x: Any) -> Any:
        return digits.probabilities(x)

    def encode_response(self, output: Any) -> Any:
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=digits.PORT,
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
