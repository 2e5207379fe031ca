"""The way that bodies are read where there is no parser that fills arrays."""

import pytest

from service.errors import MalformedBody
from service.wire.json import parse_lists

ARRAYS = frozenset({"logits"}), frozenset({"labels"})


def test_every_array_is_left_a_list_however_long_the_body() -> None:
    body = {"logits": [[0.5, -1.0]] * 1000, "labels": [1] * 1000, "reduction": "sum"}
    text = str(body).replace("'", '"').encode()
    assert len(text) > 10_000
    assert parse_lists(text, *ARRAYS) == body


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(MalformedBody):
        parse_lists(b'{"logits": [NaN]}', *ARRAYS)
