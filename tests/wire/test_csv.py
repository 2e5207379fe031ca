"""CSV: against the fractions that the text spells, and against what Python's own writer writes."""

import csv
import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Code, InvalidInput, MalformedBody, TooLarge
from service.wire import label_names, parse_csv

ROWS = b"a,b,name\n1,2.5,x\n-3e-2,.5,y\n"


def parse(body, **options):
    return parse_csv(body, **{"max_elements": 1000} | options)


def test_columns_are_found_by_name_and_in_the_order_asked_for():
    table = parse(ROWS, texts=["name"])
    assert table.names == ("a", "b")
    assert table.numbers.tolist() == [[1.0, 2.5], [-0.03, 0.5]]
    assert table.texts == {"name": ["x", "y"]}
    assert not table.numbers.flags.writeable
    turned = parse(ROWS, numbers=["b", "a"])
    assert turned.numbers.tolist() == [[2.5, 1.0], [0.5, -0.03]]
    assert parse(ROWS, ignored=["a", "name"]).numbers.tolist() == [[2.5], [0.5]]


def test_a_byte_order_mark_other_line_ends_and_quotes_are_read():
    body = b'\xef\xbb\xbf"a ""1""",b\r\n"1",2\r\n3,"4"'
    table = parse(memoryview(body))
    assert table.names == ('a "1"', "b")
    assert table.numbers.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_table_without_rows_and_one_without_numbers_keep_their_shape():
    assert parse(b"a,b\n").numbers.shape == (0, 2)
    table = parse(b"a\nx\n", texts=["a"])
    assert (table.names, table.texts) == ((), {"a": ["x"]})


def test_every_number_is_the_nearest_float64_to_its_text():
    spelled = ["0.1", "1e23", "9007199254740993", "2.2250738585072011e-308", "+1.0", "1E-400"]
    spelled += ["179769313486231570814527423731704e275", "-0"]
    found = parse(("x\n" + "\n".join(spelled)).encode()).numbers[:, 0]
    for text, value in zip(spelled, found.tolist(), strict=True):
        gap = abs(Fraction(value) - Fraction(text))
        for neighbour in (np.nextafter(value, -np.inf), np.nextafter(value, np.inf)):
            assert gap <= abs(Fraction(float(neighbour)) - Fraction(text)), text
    assert np.signbit(found[-1])


NUMBER = st.floats(allow_nan=False, allow_infinity=False)
NAME = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(NUMBER, NAME, NUMBER)), st.sampled_from(["\n", "\r\n"]))
def test_what_another_writer_writes_comes_back(rows, end):
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerows([("x", "label", "y"), *rows])
    table = parse(text.getvalue().encode(), texts=["label"], max_elements=10**6)
    assert table.numbers.tolist() == [[x, y] for x, _, y in rows]
    assert table.texts["label"] == [name for _, name, _ in rows]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.MISSING_VALUE),
        ("  ", Code.MISSING_VALUE),
        ("NA", Code.NOT_A_NUMBER),
        ("nan", Code.NOT_A_NUMBER),
        ("inf", Code.NOT_A_NUMBER),
        ("1_000", Code.NOT_A_NUMBER),
        ('"1,5"', Code.NOT_A_NUMBER),
        ("0x10", Code.NOT_A_NUMBER),
        (" 1", Code.NOT_A_NUMBER),
        ("٣", Code.NOT_A_NUMBER),
        ("1e", Code.NOT_A_NUMBER),
        ("1\x00", Code.NOT_A_NUMBER),
        ("1e400", Code.INFINITE_VALUE),
        ("-1e400", Code.INFINITE_VALUE),
    ],
)
def test_a_bad_cell_is_named_by_row_line_and_column(text, code):
    body = f'name,x,y\n"two\nlines",1,2\nb,3,{text}\n'.encode()
    with pytest.raises(InvalidInput, match=r"^row 1 \(line 4\), column y, is ") as caught:
        parse(body, texts=["name"])
    fault = caught.value.faults[0]
    assert (fault.pointer, fault.code) == ("/rows/1/y", code)
    assert len(text) < 3 or text not in fault.detail


def test_an_empty_label_is_missing():
    with pytest.raises(InvalidInput, match=r"row 0 \(line 2\), column name, is empty"):
        parse(b"a,name\n1,\n", texts=["name"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "first line"),
        (b"\na\n", "first line"),
        (b"a,b\n1,2\n1\n", "line 3 has 1 cell"),
        (b"a,b\n1,2,3\n", "line 2 has 3 cells"),
        (b"a\n1\n\n2\n", "line 3 is empty"),
        (b'a\n"1\n', "line 2"),
        (b'a\n"1"2\n', "line 2"),
        (b"a\n\xff\n", "UTF-8"),
        (b"a\n" + b"1" * 200_000, "field larger than"),
    ],
)
def test_what_is_no_table_is_refused(body, says):
    with pytest.raises(MalformedBody, match=says) as caught:
        parse(body)
    assert caught.value.code is Code.INVALID_CSV


@pytest.mark.parametrize(
    ("header", "options", "pointer"),
    [
        (b"a,a", {}, "/columns/1"),
        (b"a,,b", {}, "/columns/1"),
        (b"a,b", {"texts": ["c"]}, "/columns/c"),
        (b"a,b", {"numbers": ["a/b"]}, "/columns/a~1b"),
        (b"a,b", {"ignored": ["B"]}, "/columns/B"),
    ],
)
def test_a_header_without_the_columns_is_refused(header, options, pointer):
    with pytest.raises(InvalidInput) as caught:
        parse(header + b"\n1,2\n", **options)
    assert caught.value.faults[0].pointer == pointer


def test_no_more_than_the_limit_is_read():
    assert parse(ROWS, texts=["name"], max_elements=6).numbers.size == 4
    with pytest.raises(TooLarge, match="XENT_MAX_ELEMENTS, 5"):
        parse(ROWS, texts=["name"], max_elements=5)


def test_labels_are_integers_only_where_all_are():
    assert label_names(["0", "-1", "12"]).tolist() == [0, -1, 12]
    for texts in (["0", "x"], ["01", "2"], ["1.0"], ["-0"], ["9" * 19], []):
        assert label_names(texts).tolist() == texts
