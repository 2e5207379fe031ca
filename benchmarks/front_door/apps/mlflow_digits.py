"""The digits model as a pyfunc of MLflow: `python mlflow_digits.py FOLDER` writes it there."""

import sys

import digits
import mlflow
import numpy as np


class Digits(mlflow.pyfunc.PythonModel):
    # Without type hints: MLflow would check the rows against them.
    def predict(self, context, model_input, params=None):
        return digits.probabilities(np.asarray(model_input))


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    mlflow.models.set_model(Digits())
