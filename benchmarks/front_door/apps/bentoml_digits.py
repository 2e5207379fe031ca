"""The digits model behind BentoML: one worker, no access log."""

import bentoml
import digits
import numpy as np


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Digits:
    @bentoml.api
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return digits.probabilities(inputs)
