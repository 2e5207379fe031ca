"""The documentation page: all of it from this server, so that it works without internet."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest

# Where a name of another machine in a style or a page would be fetched from.
FETCHED = re.compile(r"(?:url\(|@import\s|src=|href=)\s*['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.I)


class Page(HTMLParser):
    """Gathers the addresses that a browser fetches, and the scripts in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


@pytest.fixture(scope="module")
def page(caller: Any) -> Page:
    answer = caller.get("/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


class TestPage:
    def test_every_address_in_it_is_relative_and_served(self, caller: Any, page: Page) -> None:
        assert len(page.addresses) == 3
        for address in page.addresses:
            assert not re.match(r"[a-z]+:|/", address), address
            answer = caller.get(urljoin("/docs", address))
            assert answer.status_code == 200
            assert len(answer.content) > 500
            assert "max-age" in answer.headers["cache-control"]

    def test_the_document_that_it_reads_is_served(self, caller: Any, page: Page) -> None:
        (script,) = page.scripts
        (url,) = re.findall(r"url: '([^']+)'", script)
        assert url == "openapi.json"
        assert caller.get(urljoin("/docs", url)).json()["info"]["title"] == "Xent"
        assert "://" not in re.sub(r"window\.location\.\w+", "", script)

    def test_the_style_fetches_nothing(self, caller: Any, page: Page) -> None:
        (style,) = [address for address in page.addresses if address.endswith(".css")]
        assert FETCHED.findall(caller.get(urljoin("/docs", style)).text) == []

    def test_media_types_are_told(self, caller: Any, page: Page) -> None:
        kinds = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
        for address in page.addresses:
            told = caller.get(urljoin("/docs", address)).headers["content-type"]
            assert told.split(";")[0] == kinds[address.rpartition(".")[2]]

    def test_finding_an_address_can_fail(self) -> None:
        for text in ("url(https://a.example/b)", "@import '//a'", '<img src="http://a">'):
            assert FETCHED.search(text)
        assert not FETCHED.search("url(data:image/png;base64,AA)")
        assert Page('<a href="x"></a><script src="//y">z</script>').addresses == ["x", "//y"]
