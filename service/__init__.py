"""Xent: softmax, cross-entropy and log loss, computed to the last digit and served over HTTP."""

__version__ = "0.1.0"
