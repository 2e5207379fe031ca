"""Hostile JSON bodies for every call: right ones from the document, broken in one place each."""

import gzip
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

JSON = "application/json"
MIB = 2**20

# What no JSON has, after the families of JSONTestSuite (n_ and the i_ that we refuse).
NOT_JSON = [
    *("NaN", "-NaN", "Infinity", "-Infinity", "+Infinity", "nan", "inf", "Inf", "True", "None"),
    *("nul", "tru", "fals", "undefined", "1e400", "-1e400", "1e99999999999", "01", "-01", "1."),
    *(".5", "-.5", "+1", "1e", "1e+", "1E-", "0e", "1.e1", "--1", "-", "- 1", "1 2", "0x1F"),
    *("1_000", "1,", "１", "1\u00a02", "\u2212 1", "[1,]", "[,1]", "[1,,2]", "[1", "1]", "[1;2]"),
    *("[1:2]", '{"a"}', '{"a":}', '{:1}', "{1:1}", '{"a":1,}', "{a:1}", "{'a':1}", '{"a":1'),
    *("'1'", '"', '"a', '"\\x"', '"\\u12"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u00zz"', '"\n"'),
    *('"\t"', '"\x00"', '"\x1f"', "/**/1", "1//", "#1", "1#", "<x>", "$1", "@", "`1`", "\x00"),
    *("\x0c1", "\ufeff1", "[\x0b1]", "*"),
]  # fmt: skip
# JSON, of every type, and numbers at the edges of what can be held.
JUST_JSON = [
    *("null", "true", "false", "0", "-0", "-0.0", "1", "-1", "0.5", "1e308", "-1e308", "1e-400"),
    *("5e-324", "1.7976931348623157e308", "9007199254740993", "9223372036854775807", "1e0"),
    *("1E+2", "9223372036854775808", "18446744073709551615", "18446744073709551616"),
    *("-9223372036854775809", "9" * 300, "0." + "0" * 500 + "1", "1" + "0" * 300 + ".0", '""'),
    *('"a"', '"1"', '"NaN"', '"nan"', '"Infinity"', '"-Infinity"', '"inf"', '"\\u0000"'),
    *('"\\ud83d\\ude00"', '"\u00e9\u202e"', '"/~1~0"', "[]", "[[]]", "[null]", "[true]"),
    *("[false, 1]", '["a"]', '["NaN"]', '["Infinity", "-Infinity"]', "[1]", "[1, 2, 3]"),
    *("[[1], [2]]", "[[1], [2, 3]]", "[[1], 2]", "[1, [2]]", "[[[1]]]", "[-1]", "[1, null]"),
    *("[1e308, 1e308]", "[0, 0]", "[0.5, 0.5]", "{}", '{"a": 1}', '{"": -1}', "[{}]"),
    *('{"a": {"a": 1}}', '{"0": 1, "1": 1}', '[{"a": 1}]', '{"a": "NaN"}', '{"a": [1]}'),
    '{"NaN": 0}',
]  # fmt: skip
FEW = [
    "null",
    "-1",
    "1e308",
    '"a"',
    '"NaN"',
    "[]",
    "[1, [2]]",
    '{"a": -1}',
    "true",
    "0.5",
    "[0, 0]",
]

TENSORS = "application/vnd.safetensors"
PROMOTED = "promoted"
"""A model with two versions, of which the alias champion is the first."""

GOOD = frozenset({200, 201, 413, 422})
BAD = frozenset({400})


@dataclass(frozen=True)
class Case:
    """A request, and the statuses that may answer it."""

    path: str
    content: bytes
    statuses: frozenset[int]
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON}, hash=False)

    def __str__(self) -> str:
        return f"{self.path} {self.content[:200]!r} ({len(self.content)} bytes) {self.headers}"


@dataclass(frozen=True)
class Call:
    """A call with a body: its path, a right body, all members that it takes, whether as tensors."""

    path: str
    body: dict[str, Any]
    members: tuple[str, ...]
    tensors: bool

    def text(self, **changed: str) -> bytes:
        """The right body with some members as other texts."""
        members = {name: orjson.dumps(value).decode() for name, value in self.body.items()}
        pairs = (f'"{name}": {text}' for name, text in {**members, **changed}.items())
        return ("{" + ", ".join(pairs) + "}").encode()


def calls(document: dict[str, Any], evaluation: str) -> list[Call]:
    """Every POST of the document but the one that makes keys, with its first example.

    Args:
        document: of OpenAPI.
        evaluation: the id of one that takes batches.
    """
    found = []
    for path, methods in document["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if JSON not in content or path == "/v1/keys":  # with a key the server is open no more
            continue
        schema = content[JSON]["schema"]["$ref"].rpartition("/")[2]
        example = next(iter(content[JSON]["examples"].values()))["value"]
        members = tuple(document["components"]["schemas"][schema]["properties"])
        # what ships takes no new version, and no other alias
        name = {"versions": "attacked", "promote": PROMOTED}.get(path.rpartition("/")[2], "iris")
        places = {"name": name, "version": 1, "alias": "champion", "id": evaluation}
        found.append(Call(path.format(**places), example, members, TENSORS in content))
    return found


def tokens(call: Call) -> Iterator[Case]:
    """Each member of the right body as each token, every other member as a few."""
    for name in call.body:
        for token in NOT_JSON:
            yield Case(call.path, call.text(**{name: token}), BAD)
        for token in JUST_JSON:
            yield Case(call.path, call.text(**{name: token}), GOOD)
    for name in set(call.members) - call.body.keys():
        for token in FEW:
            yield Case(call.path, call.text(**{name: token}), GOOD)


def cells(call: Call) -> Iterator[Case]:
    """The last cell of each array as each token."""
    for name, value in call.body.items():
        if isinstance(value, list):
            before, after = re.split(r"[^\[\],]+(?=\]+$)", orjson.dumps(value).decode())
            for token in NOT_JSON:
                yield Case(call.path, call.text(**{name: before + token + after}), BAD)
            for token in JUST_JSON:
                yield Case(call.path, call.text(**{name: before + token + after}), GOOD)


def documents(call: Call) -> Iterator[Case]:
    """The right body as a whole in another form."""
    text = call.text().decode()
    name = next(iter(call.body))
    broken: list[bytes] = [
        b"",
        b" ",
        b"\x00",
        b"{",
        b"}",
        b"[",
        b'"',
        b"{}{}",
        b"{},",
        b"nul",
        b"{}\x00",
    ]
    broken += [
        text.encode(coding) for coding in ("utf-16", "utf-16-be", "utf-32", "utf-7", "utf-8-sig")
    ]
    broken += [text.encode()[:cut] for cut in range(1, len(text) - 1, max(1, len(text) // 12))]
    broken += [part + text.encode() for part in (b"x", b"\xef\xbb", b"\xff", b")]}',\n", b"\x1e")]
    broken += [
        text.encode() + part for part in (b"x", b"}", b"]", b",", b"\x00", b"\x1a", b"\xff", b"//")
    ]
    broken += [text.replace('"', "'").encode(), text.replace(":", "=").encode()]
    broken += [text.replace(",", ";").encode(), text.replace("}", ",}").encode()]
    for place in (
        b'"\xff"',
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xe2\x82"',
    ):
        broken.append(text.encode()[:-1] + b", " + place + b": 1}")
    for body in broken:
        yield Case(call.path, body, BAD if body != text.encode() else GOOD)
    for body in ("[]", "0", '"a"', "null", "true", f"[{text}]", f'"{name}"', "[" * 20 + "]" * 20):
        yield Case(call.path, body.encode(), frozenset({422}))
    for member in call.body:
        twice = text[:-1] + f', "{member}": 1}}'
        yield Case(call.path, twice.encode(), frozenset({422}))
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in member)
        yield Case(call.path, (text[:-1] + f', "{escaped}": 1}}').encode(), frozenset({422}))
        missing = {key: value for key, value in call.body.items() if key != member}
        yield Case(call.path, orjson.dumps(missing), GOOD)
    for odd in (
        "",
        " ",
        name.upper(),
        name + "\\u0000",
        "__proto__",
        "constructor",
        "$ref",
        "a" * 5000,
    ):
        yield Case(call.path, (text[:-1] + f', "{odd}": 1}}').encode(), frozenset({422}))


def depths(call: Call) -> Iterator[Case]:
    """Members nested in every way, from one level to more than any stack has."""
    for name in call.body:
        for depth in (1, 2, 15, 16, 17, 100, 1023, 1025, 50_000):
            for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
                nested = opening * depth + "1" + closing * depth
                yield Case(call.path, call.text(**{name: nested}), GOOD | BAD)
        # deeper than the parser goes, so that it may not come to see that the end is missing
        for opening in ("[", '{"a":'):
            yield Case(call.path, call.text(**{name: opening * 3000}), BAD | {413})


ITEMS = [
    "1",
    "0.1",
    "true",
    "null",
    '"a"',
    '"NaN"',
    '"Infinity"',
    "[]",
    "[1]",
    "[1,2]",
    "{}",
    "1e400",
]


def sizes(call: Call) -> Iterator[Case]:
    """Arrays of one kind of item, short and longer than what is computed where it arrives."""
    for name, value in call.body.items():
        if isinstance(value, list):
            for item in ITEMS:
                for count in (1, 2, 35_000):
                    text = "[" + (item + ",") * (count - 1) + item + "]"
                    yield Case(call.path, call.text(**{name: text}), GOOD | BAD)


def dialects(call: Call) -> Iterator[Case]:
    """Whose number is wanted: every wrong answer to that question, and whatever right ones do."""
    if "dialect" not in call.members:
        return
    names = ("torch", "keras", "sklearn", "tensorflow", "exact", "jax", "TORCH", "", "torch\\u0000")
    for name in names:
        yield Case(call.path, call.text(dialect=f'"{name}"'), GOOD)
        yield Case(call.path, call.text(compare=f'["{name}"]'), GOOD)
        yield Case(call.path, call.text(compare=f'["{name}", "{name}"]'), GOOD)
        yield Case(call.path, call.text(compare=f'"{name}"', dialect=f'["{name}"]'), GOOD)
        for option in (
            '"reduction": "none"',
            '"unit": "bit"',
            '"gradient": true',
            '"label_smoothing": 1',
        ):
            text = call.text(dialect=f'"{name}"').decode()[:-1] + f", {option}}}"
            yield Case(call.path, text.encode(), GOOD)
    yield Case(call.path, call.text(compare="[" + '"torch",' * 50_000 + '"keras"]'), GOOD)


def information() -> Iterator[Case]:
    """Weights by event, which no other call takes in that way."""
    path = "/v1/information"
    weights = [
        *(
            "[]",
            "{}",
            "[0]",
            "[0, 0]",
            '{"a": 0}',
            "[-1]",
            '{"a": -1}',
            "[1e308, 1e308]",
            '["NaN"]',
        ),
        *('["Infinity"]', '{"a": "Infinity"}', '{"a": true}', '{"a": null}', '{"a": [1]}', "[[1]]"),
        *(
            "[5e-324]",
            '{"a": 5e-324, "b": 1e308}',
            "1",
            '"a"',
            "true",
            "[1, true]",
            '{"": 1}',
            "[-0.0]",
        ),
        *(
            '{"a": 1, "a": 2}',
            '{"a": 1, "\\u0061": 2}',
            '{"a/b~c": -1}',
            "[1" + ", 1" * 70_000 + "]",
        ),
        "{" + ", ".join(f'"e{i}": 1' for i in range(9_000)) + "}",
    ]
    for p in weights:
        yield Case(path, f'{{"p": {p}}}'.encode(), GOOD)
        for q in (*weights[:16], weights[-1]):
            yield Case(path, f'{{"p": {p}, "q": {q}}}'.encode(), GOOD)


def encoded(call: Call) -> Iterator[Case]:
    """The right body under an encoding, damaged."""
    text = call.text()
    bomb = b'{"logits": [' + b"1," * (20 * MIB) + b"1]}"
    for name, pack in (("gzip", gzip.compress), ("zstd", zstd.compress)):
        headers = {"content-type": JSON, "content-encoding": name}
        packed = pack(text)
        damaged: list[tuple[bytes, frozenset[int]]] = [
            (packed, GOOD),
            (text, BAD),
            (b"", BAD),
            (pack(b""), BAD),
            (packed[:-1], BAD),
            (packed[: len(packed) // 2], BAD),
            (packed[:4], BAD),
            (packed + b"\x00", BAD),
            (packed + packed, BAD),
            (packed + text, BAD),
            (pack(packed), BAD),
            (pack(pack(packed)), BAD),
            (packed[:12] + bytes([packed[12] ^ 0xFF]) + packed[13:], BAD | GOOD),
            (pack(text + b"x"), BAD),
            (pack(text[:-1]), BAD),
            (pack(bomb), frozenset({413})),
            (pack(pack(bomb)), BAD),
        ]
        for body, statuses in damaged:
            yield Case(call.path, body, statuses, headers)
        other = {"gzip": "zstd", "zstd": "gzip"}[name]
        yield Case(call.path, packed, BAD, {**headers, "content-encoding": other})
        for coding in (
            f"{name}, {name}",
            f"{name}, identity",
            "br",
            "deflate",
            f"{name}x",
            "x" * 3000,
        ):
            coding_headers = {**headers, "content-encoding": coding}
            yield Case(call.path, packed, frozenset({415}), coding_headers)


FAMILIES: list[Callable[[Call], Iterator[Case]]] = [
    tokens,
    cells,
    documents,
    depths,
    sizes,
    dialects,
]
