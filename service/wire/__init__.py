"""Bytes to arrays once, arrays to bytes once. Knows arrays and errors, nothing else."""

import sys

from service.wire.arrays import labels_from, numbers_from
from service.wire.compression import ENCODINGS, Inflater, compress, decompress
from service.wire.csv import CSV, Table, label_names, parse_csv
from service.wire.framing import LINES, PARTS, Cutter, Lines, Parts
from service.wire.json import parse_object, try_parse_objects
from service.wire.parquet import parse_parquet
from service.wire.safetensors import TENSORS, dump_tensors, parse_tensors
from service.wire.spelling import dump_json, json_as_it_is
from service.wire.tensorfile import header_bytes

if sys.version_info < (3, 14):
    from service.wire.simd import parse_arrays
else:  # no wheels of that parser yet
    from service.wire.json import parse_lists as parse_arrays

__all__ = [
    "CSV",
    "ENCODINGS",
    "LINES",
    "PARTS",
    "TENSORS",
    "Cutter",
    "Inflater",
    "Lines",
    "Parts",
    "Table",
    "compress",
    "decompress",
    "dump_json",
    "dump_tensors",
    "header_bytes",
    "json_as_it_is",
    "label_names",
    "labels_from",
    "numbers_from",
    "parse_arrays",
    "parse_csv",
    "parse_object",
    "parse_parquet",
    "parse_tensors",
    "try_parse_objects",
]
