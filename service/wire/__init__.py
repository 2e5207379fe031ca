"""Bytes to arrays once, arrays to bytes once. Knows arrays and errors, nothing else."""

from service.wire.arrays import labels_from, numbers_from
from service.wire.json import dump_json, parse_object
from service.wire.simd import parse_arrays

__all__ = ["dump_json", "labels_from", "numbers_from", "parse_arrays", "parse_object"]
