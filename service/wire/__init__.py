"""Bytes to arrays once, arrays to bytes once. Knows arrays and errors, nothing else."""

from service.wire.arrays import labels_from, numbers_from
from service.wire.compression import compress, decompress
from service.wire.json import dump_json, parse_object
from service.wire.safetensors import dump_tensors, parse_tensors
from service.wire.simd import parse_arrays

__all__ = [
    "compress",
    "decompress",
    "dump_json",
    "dump_tensors",
    "labels_from",
    "numbers_from",
    "parse_arrays",
    "parse_object",
    "parse_tensors",
]
