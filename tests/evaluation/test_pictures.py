"""The pictures show the report's numbers, and the page is safe, small and needs no other file."""

import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from service.errors import Code, Missing
from service.evaluation import evaluate
from service.evaluation.pictures import class_losses, confusion, reliability, render
from service.evaluation.pictures.definitions import figures
from service.evaluation.pictures.words import name, number

if "CI" not in os.environ:
    pytest.importorskip("matplotlib", reason="has no wheel for this platform")

HOSTILE = ["<script>alert(1)</script>", "$\\frac{a}$", "a\x00b\nc", "x" * 500, "漢字", "\"&'>"]
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """Tags with their attributes, and the text of what is no style."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "path", "use", "rect", "g", "clippath"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def report(digits):
    return evaluate(
        probabilities=digits.probabilities, labels=digits.labels, include=("isotonic", "bootstrap")
    )


@pytest.fixture
def hostile():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 300)
    return evaluate(
        logits=rng.normal(size=(300, 6)),
        labels=np.array(HOSTILE, dtype=object)[labels],
        classes=HOSTILE,
        slices={"<img src=x onerror=alert(1)>": [HOSTILE[i] for i in labels[::-1]]},
    )


@pytest.fixture(scope="module")
def large():
    """What has the most to show: names, bins, classes, columns, values and rows."""
    rng = np.random.default_rng(0)
    rows, size = 5000, 60
    labels = rng.integers(0, size, rows)
    classes = [f"<a rather long name & number {k:03d}> of a class 漢字 " * 2 for k in range(size)]
    return evaluate(
        logits=rng.normal(size=(rows, size), scale=2.0),
        labels=np.array(classes, dtype=object)[labels],
        classes=classes,
        bins=1000,
        worst=1000,
        include=("isotonic", "temperature"),
        slices={
            f"{j:02d}" + "<column>" * 10: [f"{v:03d}" + "&value" * 12 for v in column]
            for j, column in enumerate(rng.integers(0, 900, (20, rows)))
        },
    )


def texts(picture):
    return [node.text for node in ElementTree.fromstring(picture.svg).iter(f"{SVG}text")]


class TestPictures:
    @pytest.mark.parametrize("draw", [reliability, confusion, class_losses])
    def test_each_is_well_formed_has_words_and_both_sets_of_colours(self, draw, report):
        picture = draw(report)
        root = ElementTree.fromstring(picture.svg)
        named = {node.get("id"): node.text for node in root if node.get("id")}
        wanted = [named[one] for one in root.get("aria-labelledby").split()]
        assert wanted == [picture.title, picture.text]
        assert "prefers-color-scheme: dark" in picture.svg
        used = set(re.findall(r"(?:fill|stroke): (#\w{6})", picture.svg))
        assert used
        assert not {colour for colour in used if re.fullmatch(r"#0[1-9]0[1-9]0[1-9]", colour)}
        assert picture == draw(report)

    def test_the_confusion_matrix_has_every_cell_that_is_not_empty(self, report):
        cells = [f"{cell:.4g}" for row in report.confusion_matrix for cell in row if cell]
        axes = [str(c.label) for c in report.per_class]
        assert sorted(texts(confusion(report))) == sorted(
            [*cells, *axes, *axes, "predicted", "true"]
        )

    def test_of_many_classes_the_most_confused_are_shown(self, large):
        picture = confusion(large)
        assert "The 15 classes with the most mistakes" in picture.text
        matrix = np.array(large.confusion_matrix)
        mistakes = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:15])
        wanted = [f"{cell:.4g}" for cell in matrix[np.ix_(shown, shown)].ravel() if cell]
        assert sorted(t for t in texts(picture) if t.isdigit()) == sorted(wanted)

    def test_the_bars_are_as_long_as_the_losses(self, report):
        """From the paths: a bar's width, in the unit of the axis that its ticks give."""
        svg = class_losses(report).svg
        bars = re.findall(
            r'd="M ([\d.]+) [\d.]+ \nL ([\d.]+) [\d.]+ \nL \2 [^"]*" [^>]*--first', svg
        )
        widths = np.array([float(high) - float(low) for low, high in bars])
        losses = np.sort([c.log_loss for c in report.per_class])[::-1]
        np.testing.assert_allclose(widths / widths[0], losses / losses[0], atol=2e-4)

    def test_the_reliability_diagram_has_a_point_for_each_bin_with_rows(self, report):
        svg = reliability(report).svg
        height = {}
        for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)" style="fill: #1f5fa8', svg):
            height.setdefault(x, []).append(float(y))
        bins = [b for b in report.calibration.bins if b.count]
        points = sorted((float(x), sorted(ys)) for x, ys in height.items() if len(ys) == 3)
        points = [point for point in points if max(point[1]) < 300]  # the legend lies below
        assert len(points) == len(bins)
        # lower end, point and upper end of each, on one scale
        found = np.array([ys[::-1] for _, ys in points])
        wanted = np.array([(b.interval[0], b.accuracy, b.interval[1]) for b in bins])
        slope, offset = np.polyfit(wanted.ravel(), found.ravel(), 1)
        np.testing.assert_allclose(found, slope * wanted + offset, atol=0.02)

    def test_an_infinite_loss_is_a_word(self, noisy):
        found = evaluate(logits=noisy.logits, labels=noisy.labels)
        assert found.log_loss == math.inf
        assert " infinite" in texts(class_losses(found))
        assert "infinite nat" in class_losses(found).text

    def test_no_matrix_no_picture(self):
        found = evaluate(logits=np.eye(1001)[:3], labels=np.arange(3))
        assert confusion(found) is None
        assert "Confusion" not in render(found, "wide")


class TestPage:
    def test_log_loss_interval_and_baselines_come_first(self, report):
        words = " ".join(Page(render(report, "digits")).words)
        start = words[: words.index("Figures")]
        for figure in (
            report.log_loss,
            report.interval,
            report.prior_baseline,
            report.uniform_baseline,
        ):
            assert number(figure) in start

    def test_every_figure_is_there_with_its_definition(self, report):
        page = Page(render(report, "digits"))
        words = " ".join(page.words)
        found = list(figures(report))
        assert len(found) == len({figure.name for figure in found}) > 25
        for figure in found:
            assert figure.definition in words, figure.name
            assert figure.name in words
            assert number(figure.value) in words
        assert [tag for tag, _ in page.tags].count("details") == len(found) + 3

    def test_names_of_others_stay_text(self, hostile):
        html = render(hostile, "<script>alert(2)</script>")
        page = Page(html)
        assert not {"script", "img", "link", "iframe", "frac"} & {tag for tag, _ in page.tags}
        assert not any(key.startswith("on") for _, found in page.tags for key in found)
        assert "\x00" not in html
        words = " ".join(page.words)
        for text in HOSTILE:
            assert name(text) in words

    def test_it_names_no_other_file(self, hostile):
        page = Page(render(hostile, "offline"))
        for tag, found in page.tags:
            assert "src" not in found
            for key in ("href", "xlink:href"):
                assert found.get(key, "#").startswith("#"), tag

    def test_it_is_at_most_300_kb_whatever_there_is_to_show(self, large):
        html = render(large, "large")
        assert len(html.encode()) <= 300_000
        assert "The worst 40 of 60." in html
        assert "The worst 8 of 9" in html

    def test_rows_that_went_a_way_of_their_own_are_mentioned(self, noisy):
        found = evaluate(logits=noisy.logits, labels=noisy.labels, sample_weights=noisy.weights)
        words = " ".join(Page(render(found, "noisy")).words)
        assert found.infinite
        assert found.ignored == 8
        assert f"an infinite loss: {found.infinite}." in words
        assert "Rows of weight 0, left out: 8." in words

    def test_a_single_row_has_a_page(self):
        html = render(evaluate(logits=np.array([[0.0, 1.0]]), labels=np.array([1])), "one")
        assert "nan" not in html.lower()


class TestExtra:
    @pytest.mark.parametrize(
        ("absent", "what"), [("matplotlib", "A picture"), ("jinja2", "A page")]
    )
    def test_without_it_the_error_names_it(self, absent, what, report, monkeypatch):
        from service.evaluation.pictures import page

        page._template.cache_clear()
        for loaded in [one for one in sys.modules if one.partition(".")[0] == absent]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, absent, None)
        with pytest.raises(Missing, match=rf"{what} .*'xent\[pictures\]'") as caught:
            render(report, "digits")
        assert caught.value.code == Code.NOT_INSTALLED

    def test_it_is_not_loaded_before_it_is_needed(self):
        code = (
            "import sys; import service.cli.models; "
            "print({'matplotlib', 'jinja2'} & set(sys.modules))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (12345, "12,345"), (0.123456, "0.1235"), (-0.5, "−0.5"),
        (-math.inf, "−infinite"), ((0.25, 1.0), "0.25 to 1"), ((math.nan, math.nan), "–"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits(value, text):
    assert number(value) == text
