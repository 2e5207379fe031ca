"""Compressed bodies: read back, bounded, and refused when they are not what they say."""

import gzip
import json
import random
import tracemalloc
import zlib

import pytest

from service.errors import Code, MalformedBody, TooLarge
from service.wire import compression
from service.wire.compression import ENCODINGS, FREE_BYTES, MAX_RATIO, compress, decompress

LIMIT = 32 * 2**20
SETTING = "XENT_MAX_JSON_BYTES"
CONTENT = json.dumps({"logits": [random.Random(3).gauss(0, 1) for _ in range(2000)]}).encode()


def read(body: bytes, encoding: str, limit: int = LIMIT) -> bytes:
    return decompress(body, encoding, limit, SETTING)


def frame(content: bytes, encoding: str) -> bytes:
    """At a high ratio, so that a short body expands to a long one; with a checksum."""
    if encoding == "gzip":
        return gzip.compress(content, 9, mtime=0)
    parameter = compression.zstd.CompressionParameter
    options = {parameter.compression_level: 9, parameter.checksum_flag: 1}
    return compression.zstd.compress(content, options=options)


@pytest.mark.parametrize("encoding", ENCODINGS)
class TestBothEncodings:
    def test_what_was_compressed_is_read_back(self, encoding: str) -> None:
        for content in (CONTENT, b"", b"x", bytes(100_000)):
            assert read(compress(content, encoding), encoding) == content
            assert read(frame(content, encoding), encoding) == content

    def test_answers_shrink_to_half_and_are_the_same_each_time(self, encoding: str) -> None:
        assert len(compress(CONTENT, encoding)) < 0.55 * len(CONTENT)
        assert compress(CONTENT, encoding) == compress(CONTENT, encoding)

    def test_the_limit_is_of_what_comes_out(self, encoding: str) -> None:
        body = compress(CONTENT, encoding)
        assert read(body, encoding, len(CONTENT)) == CONTENT
        with pytest.raises(
            TooLarge, match=f"limit {SETTING} of {len(CONTENT) - 1} bytes"
        ) as caught:
            read(body, encoding, len(CONTENT) - 1)
        assert caught.value.code == Code.BODY_TOO_LARGE

    def test_a_bomb_is_held_in_bounded_memory(self, encoding: str) -> None:
        body = frame(bytes(2 * LIMIT), encoding)
        assert len(body) * MAX_RATIO < LIMIT
        tracemalloc.start()
        with pytest.raises(TooLarge, match="more than 100 times its size"):
            read(body, encoding)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * FREE_BYTES

    def test_a_small_body_may_expand_as_far_as_the_free_bytes(self, encoding: str) -> None:
        assert len(read(frame(bytes(FREE_BYTES), encoding), encoding)) == FREE_BYTES
        with pytest.raises(TooLarge):
            read(frame(bytes(FREE_BYTES + 1), encoding), encoding)

    def test_a_large_body_may_expand_in_proportion(self, encoding: str) -> None:
        noise = random.Random(5).randbytes(400_000)
        content = noise + bytes(FREE_BYTES)
        assert read(frame(content, encoding), encoding) == content

    def test_a_bomb_in_a_bomb_is_opened_once(self, encoding: str) -> None:
        inner = frame(bytes(LIMIT), encoding)
        assert read(frame(inner, encoding), encoding) == inner

    def test_a_stream_without_its_end(self, encoding: str) -> None:
        body = compress(CONTENT, encoding)
        for size in (1, 5, len(body) // 2, len(body) - 1):
            with pytest.raises(MalformedBody) as caught:
                read(body[:size], encoding)
            assert caught.value.code == Code.INVALID_COMPRESSION
        with pytest.raises(MalformedBody, match="has no end"):
            read(b"", encoding)

    def test_what_follows_the_stream_is_refused(self, encoding: str) -> None:
        body = compress(CONTENT, encoding)
        for rest in (b"\0", b"garbage", body, compress(b"", encoding)):
            with pytest.raises(MalformedBody, match="after the end"):
                read(body + rest, encoding)

    def test_other_bytes_are_refused_without_an_echo(self, encoding: str) -> None:
        others = [CONTENT, b"\0" * 100, zlib.compress(CONTENT), compress(CONTENT, "gzip")[::-1]]
        others += [compress(CONTENT, name) for name in ENCODINGS if name != encoding]
        for body in others:
            with pytest.raises(MalformedBody) as caught:
                read(body, encoding)
            assert len(caught.value.detail) < 200

    def test_a_changed_bit_is_noticed_or_changes_nothing(self, encoding: str) -> None:
        body = bytearray(frame(CONTENT, encoding))
        chance = random.Random(9)
        noticed = 0
        for _ in range(200):
            place, bit = chance.randrange(len(body)), 1 << chance.randrange(8)
            body[place] ^= bit
            try:
                assert read(bytes(body), encoding) == CONTENT
            except (MalformedBody, TooLarge):
                noticed += 1
            body[place] ^= bit
        assert noticed > 190


class TestFormats:
    def test_a_window_beyond_the_coding_is_refused(self) -> None:
        zstd = compression.zstd
        options = {zstd.CompressionParameter.window_log: 27}
        compressor = zstd.ZstdCompressor(options=options)
        body = compressor.compress(bytes(9 * 2**20)) + compressor.flush()
        with pytest.raises(MalformedBody):
            read(body, "zstd")

    def test_a_dictionary_that_nobody_has_is_refused(self) -> None:
        zstd = compression.zstd
        samples = [json.dumps({"logits": [i, i + 1], "labels": i}).encode() for i in range(500)]
        dictionary = zstd.train_dict(samples, 1000)
        body = zstd.compress(CONTENT, 3, zstd_dict=dictionary)
        with pytest.raises(MalformedBody):
            read(body, "zstd")

    def test_a_gzip_header_with_a_name_is_read(self) -> None:
        named = gzip.compress(CONTENT, mtime=1)
        named = named[:3] + b"\x08" + named[4:10] + b"body.json\0" + named[10:]
        assert read(named, "gzip") == CONTENT
