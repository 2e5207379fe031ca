"""The pictures show the report's numbers, and the page is safe, small and needs no other file."""

import importlib.util
import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from service.errors import Code, Missing
from service.evaluation import evaluate
from service.evaluation.pictures import GALLERY, definitions, draw, render, training
from service.evaluation.pictures.canvas import COLOURS
from service.evaluation.pictures.confusion import CELLS
from service.evaluation.pictures.words import name, number, share, short

if "CI" not in os.environ:
    pytest.importorskip("matplotlib", reason="has no wheel for this platform")

HOSTILE = [
    "<script>alert(1)</script>", "$\\frac{a}$", "a\x00b\nc", "x" * 500, "漢字", "\"&'>",
    "fill: #010101; fill: var(--zzz)", ' id="axes_1"', "\u202eright to left", "",
]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "evaluation.md").read_text("utf-8")


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


class Drawing:
    """What a reader finds in an SVG."""

    def __init__(self, picture):
        self.root = ElementTree.fromstring(picture.svg)
        sheet = self.root.find(f"{SVG}style").text
        self.styles = dict(re.findall(r"\.([\w-]+)\{(.*?)\}", sheet))

    def texts(self):
        return [node.text for node in self.root.iter(f"{SVG}text")]

    def paths(self, *style):
        """The corners, (n, 2), of the paths whose style has all of these words, in order."""
        return [
            np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", node.get("d")), float)
            for node in self.root.iter(f"{SVG}path")
            if all(word in self.styles.get(node.get("class"), "") for word in style)
        ]

    def boxes(self, *style):
        """(left, top, right, bottom) of the rectangles whose style has these words, in order."""
        found = []
        for node in self.root.iter(f"{SVG}path"):
            if all(word in self.styles.get(node.get("class"), "") for word in style):
                box = r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H"
                found += [tuple(map(float, corner)) for corner in re.findall(box, node.get("d"))]
        return [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in found]

    def marks(self, *style):
        """(x, y) of the marks whose style has these words, in order."""
        return [
            (float(node.get("x")), float(node.get("y")))
            for node in self.root.iter(f"{SVG}use")
            if all(word in self.styles.get(node.get("class"), "") for word in style)
        ]

    def scale(self, values, anchor):
        """From points of the picture to numbers, by the ticks that are labelled with `values`."""
        places = []
        for value in values:
            (node,) = [
                node
                for node in self.root.iter(f"{SVG}text")
                if node.text == value and anchor in self.styles[node.get("class")]
            ]
            # beside an axis the text's baseline is 0.38 of its size below the tick
            place = float(node.get("x")) if anchor == "middle" else float(node.get("y")) - 3.42
            places.append(place)
        slope, offset = np.polyfit(places, list(map(float, values)), 1)
        return lambda place: slope * place + offset


@pytest.fixture(scope="module")
def report(digits):
    return evaluate(
        probabilities=digits.probabilities,
        labels=digits.labels,
        include=("curves", "isotonic", "bootstrap"),
    )


@pytest.fixture(scope="module")
def pictures(report):
    return {which: draw(report, which) for which in GALLERY}


@pytest.fixture(scope="module")
def hostile():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, len(HOSTILE), 300)
    return evaluate(
        logits=rng.normal(size=(300, len(HOSTILE))),
        labels=np.array(HOSTILE, dtype=object)[labels],
        classes=HOSTILE,
        slices={"<img src=x onerror=alert(1)>": [HOSTILE[i] for i in labels[::-1]]},
        include=["curves"],
    )


@pytest.fixture(scope="module")
def hostile_pictures(hostile):
    return {which: draw(hostile, which) for which in GALLERY}


@pytest.fixture(scope="module")
def html(report):
    return render(report, "digits")


@pytest.fixture(scope="module")
def hostile_html(hostile):
    return render(hostile, "<script>alert(2)</script>")


@pytest.fixture(scope="module")
def large():
    """What has the most to show: names, bins, classes, columns, values and rows."""
    rng = np.random.default_rng(0)
    rows, size = 20000, 100
    labels = rng.integers(0, size, rows)
    classes = [f"<a rather long name & number {k:03d}> of a class 漢字 " * 2 for k in range(size)]
    return evaluate(
        logits=rng.normal(size=(rows, size), scale=2.0),
        labels=np.array(classes, dtype=object)[labels],
        classes=classes,
        bins=1000,
        worst=1000,
        include=("curves", "isotonic"),
        slices={
            f"{j:02d}" + "<column>" * 10: [f"{v:03d}" + "&value" * 12 for v in column]
            for j, column in enumerate(rng.integers(0, 900, (20, rows)))
        },
    )


class TestPictures:
    @pytest.mark.parametrize("which", GALLERY)
    def test_each_is_well_formed_and_has_words_and_a_table(self, which, pictures):
        picture = pictures[which]
        root = ElementTree.fromstring(picture.svg)
        named = {node.get("id"): node.text for node in root if node.get("id")}
        wanted = [named[one] for one in root.get("aria-labelledby").split()]
        assert wanted == [picture.title, picture.text]
        assert picture.title in Drawing(picture).texts()
        assert picture.rows
        assert {len(row) for row in picture.rows} == {len(picture.head)}

    @pytest.mark.parametrize("which", GALLERY)
    def test_each_is_light_dark_or_both(self, which, pictures):
        picture = pictures[which]
        light, dark = ({pair[i] for _, *pair in COLOURS.values()} for i in (0, 1))
        for theme, own, other in (("light", light, dark), ("dark", dark, light)):
            svg = picture.themed(theme)
            assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
            used = set(re.findall(r"(?:fill|stroke): (#\w{6})", svg))
            assert len(used) > 3
            assert used <= own
            assert not used & other
            assert "var(" not in svg
        assert "prefers-color-scheme: dark" in picture.themed("auto")
        assert all(colour in picture.themed("auto") for colour in light | dark)

    @pytest.mark.parametrize("which", GALLERY)
    def test_names_of_others_stay_as_they_are(self, which, hostile_pictures):
        picture = hostile_pictures[which]
        for svg in (picture.svg, picture.themed("dark")):
            root = ElementTree.fromstring(svg)
            assert {node.tag.removeprefix(SVG) for node in root.iter()} <= {
                "svg", "title", "desc", "style", "g", "path", "text", "use", "defs", "clipPath",
                "rect",
            }  # fmt: skip
            links = [v for node in root.iter() for k, v in node.items() if k.endswith("href")]
            assert all(link.startswith("#") for link in links)
        if which in ("confusion", "class-losses"):
            texts = Drawing(picture).texts()
            for text in HOSTILE:
                assert name(text, 24) in texts

    @pytest.mark.no_cover  # matplotlib takes twice as long when it is traced
    def test_threads_and_settings_of_the_user_change_nothing(self, report, pictures, monkeypatch):
        import matplotlib

        monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
        monkeypatch.setitem(matplotlib.rcParams, "axes.facecolor", "red")
        with ThreadPoolExecutor(4) as threads:
            drawn = list(threads.map(draw, [report] * len(GALLERY), GALLERY))
        assert drawn == list(pictures.values())
        assert matplotlib.rcParams["font.size"] == 30.0

    def test_without_curves_there_are_three(self, digits):
        found = evaluate(probabilities=digits.probabilities, labels=digits.labels)
        drawn = {which for which in GALLERY if draw(found, which) is not None}
        assert drawn == {"reliability", "class-losses", "confusion"}

    def test_no_matrix_and_no_curves_of_classes_no_pictures(self):
        found = evaluate(logits=np.eye(1001)[:3], labels=np.arange(3), include=["curves"])
        assert {which for which in GALLERY if draw(found, which) is None} == {
            "confusion", "roc", "precision-recall"
        }  # fmt: skip
        assert "Confusion" not in render(found, "wide")

    @pytest.mark.parametrize(
        ("logits", "labels"),
        [
            ([[0.0, 1.0]], [1]),
            ([[0.0], [3.0]], [0, 0]),
            (1e3 * np.eye(3), [0, 1, 2]),
            (1e3 * np.eye(3), [1, 2, 0]),
            ([[-np.inf, 0.0], [1e308, -1e308]], [0, 1]),
            (np.zeros((4, 2)), [0, 1, 0, 1]),
        ],
        ids=["one row", "one class", "perfect", "terrible", "infinite", "no idea"],
    )
    def test_the_edges_have_pictures_without_gaps(self, logits, labels):
        given = np.array(logits)
        found = evaluate(logits=given, labels=np.array(labels), include=["curves"])
        html = render(found, "edge")
        drawn = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
        assert len(drawn) == len(GALLERY)
        for svg in drawn:
            ElementTree.fromstring(svg)
        assert not re.search(r"\bnan\b|\binf\b", html)
        assert "nan" not in html.lower()


class TestConfusion:
    def test_it_has_every_cell_that_is_not_empty(self, report, pictures):
        drawing = Drawing(pictures["confusion"])
        cells = [f"{cell:.4g}" for row in report.confusion_matrix for cell in row if cell]
        axes = [str(c.label) for c in report.per_class]
        texts = [t for t in drawing.texts() if t.isdigit()]
        assert sorted(texts) == sorted([*cells, *axes, *axes])
        assert len(drawing.boxes("--first", "opacity")) == 10
        off = sum(map(bool, cells)) - 10
        assert len(drawing.boxes("--second", "opacity")) == off

    def test_a_cell_is_as_strong_as_its_share_of_the_row(self):
        """Rows of 1,000: each level of strength has the cells from its share to the next."""
        rows = [(0, 5), (1, 20), (2, 50), (3, 200), (4, 725)]
        labels = np.zeros(1000, int)
        predicted = np.repeat([k for k, _ in rows], [count for _, count in rows])
        found = evaluate(logits=np.eye(5)[predicted], labels=labels)
        drawing = Drawing(draw(found, "confusion"))
        strengths = {}
        for style in drawing.styles.values():
            if "opacity" in style and ("--first" in style or "--second" in style):
                opacity = float(re.search(r"opacity: ([\d.]+)", style)[1])
                for left, *_ in drawing.boxes(style):
                    strengths[left] = opacity
        found = [strengths[left] for left in sorted(strengths)]
        assert found == sorted(set(found))
        assert len(found) == 5

    def test_of_many_classes_those_that_are_mistaken_stand_side_by_side(self):
        """Class k of 30 is taken for k + 15 half of the time, and the other way round."""
        labels = np.tile(np.arange(30), 20)
        predicted = np.where(np.arange(600) < 300, labels, (labels + 15) % 30)
        found = evaluate(logits=5.0 * np.eye(30)[predicted], labels=labels)
        picture = draw(found, "confusion")
        order = [int(text) for text in Drawing(picture).texts() if text.isdigit()][:30]
        assert sorted(order) == list(range(30))
        assert all(abs(order.index(k) - order.index(k + 15)) == 1 for k in range(15))
        assert "stand side by side" in picture.text

    def test_of_too_many_cells_the_heaviest_are_shown(self, large):
        picture = draw(large, "confusion")
        drawing = Drawing(picture)
        drawn = drawing.boxes("--first", "opacity") + drawing.boxes("--second", "opacity")
        assert len(drawn) == CELLS
        assert f"the {CELLS:,} with the largest share" in picture.text

    def test_the_most_frequent_mistakes_are_in_the_table(self, report, pictures):
        picture = pictures["confusion"]
        matrix = np.array(report.confusion_matrix)
        np.fill_diagonal(matrix, 0)
        weights = np.sort(matrix[matrix > 0])[::-1][:20]
        assert [row[2] for row in picture.rows] == weights.tolist()
        true, taken, weight, part = picture.rows[0]
        assert matrix[int(true), int(taken)] == weight
        assert part == share(weight / sum(report.confusion_matrix[int(true)]))


class TestCurves:
    """The area under what is drawn is the figure of the report."""

    def ways(self, picture, count):
        """The curves of classes in numbers; the first corner is (0, 0) or (0, ...)."""
        drawing = Drawing(picture)
        paths = [path for path in drawing.paths("fill: none", "1.4") if len(path) > 2][:count]
        x = drawing.scale(["0.2", "0.8"], "middle")
        y = drawing.scale(["0.2", "0.8"], "end")
        return [(x(path[:, 0]), y(path[:, 1])) for path in paths]

    def test_roc(self, report, pictures):
        picture = pictures["roc"]
        ways = self.ways(picture, 6)
        worst = sorted(c.roc_auc for c in report.per_class)[:6]
        assert [row[1] for row in picture.rows][:6] == worst
        for (x, y), area in zip(ways, worst, strict=True):
            assert np.trapezoid(y, x) == pytest.approx(area, abs=0.006)
            assert (x[0], x[-1], y[-1]) == pytest.approx((0, 1, 1), abs=0.01)

    def test_precision_recall(self, report, pictures):
        picture = pictures["precision-recall"]
        ways = self.ways(picture, 6)
        worst = sorted(c.average_precision for c in report.per_class)[:6]
        assert [row[1] for row in picture.rows][:6] == worst
        for (x, y), area in zip(ways, worst, strict=True):
            assert np.trapezoid(y, x) == pytest.approx(area, abs=0.01)

    def test_of_two_classes_one_roc_curve_says_it_all(self):
        rng = np.random.default_rng(1)
        labels = rng.integers(0, 2, 200)
        logits = rng.normal(size=(200, 2)) + np.eye(2)[labels]
        found = evaluate(logits=logits, labels=labels, include=["curves"])
        assert [row[0] for row in draw(found, "roc").rows] == ["1"]
        assert {row[0] for row in draw(found, "precision-recall").rows} == {"0", "1"}

    def test_lines_of_classes_differ_without_colour(self, pictures):
        """In dashes, which the style sheet has, and in marks."""
        drawing = Drawing(pictures["roc"])
        styles = [style for style in drawing.styles.values() if "stroke-width: 1.4" in style]
        dashes = {re.sub(r"stroke: [^;]*;?", "", style) for style in styles}
        assert len(dashes) == 6

    def test_risk_coverage(self, report, pictures):
        picture = pictures["risk-coverage"]
        drawing = Drawing(picture)
        path = max(drawing.paths("--first", "stroke-width: 1.8"), key=len)
        x = drawing.scale(["0.2", "0.8"], "middle")
        y = drawing.scale(["0.02", "0.10"], "end")
        area = np.trapezoid(y(path[:, 1]), x(path[:, 0]))
        assert area == pytest.approx(report.curves.risk_coverage.aurc, abs=0.003)
        assert y(path[-1, 1]) == pytest.approx(1 - report.accuracy, abs=2e-3)
        assert picture.rows[-1][:2] == ("100 %", share(1 - report.accuracy))


class TestBars:
    def test_the_bars_of_classes_are_as_long_as_their_losses(self, report, pictures):
        boxes = Drawing(pictures["class-losses"]).boxes("--first", "opacity")
        widths = np.array([right - left for left, _, right, _ in boxes])
        losses = np.sort([c.log_loss for c in report.per_class])[::-1]
        np.testing.assert_allclose(widths / widths[0], losses / losses[0], atol=2e-4)

    def test_of_many_classes_the_others_are_marks(self, large):
        picture = draw(large, "class-losses")
        drawing = Drawing(picture)
        assert len(drawing.boxes("--first", "opacity")) == 30
        assert len(drawing.marks("--first")) == 70
        assert "the 70 others" in drawing.texts()

    def test_an_infinite_loss_is_a_word(self, noisy):
        found = evaluate(logits=noisy.logits, labels=noisy.labels, include=["curves"])
        assert found.log_loss == math.inf
        assert " infinite" in Drawing(draw(found, "class-losses")).texts()
        assert "infinite nat" in draw(found, "class-losses").text
        assert "the log loss is infinite" in Drawing(draw(found, "losses")).texts()
        lost = found.infinite + found.overflowed
        assert f"{lost} of 400 rows have an infinite loss" in draw(found, "losses").text

    def test_the_bars_of_losses_are_shares_of_rows_and_of_the_log_loss(self, report, pictures):
        picture = pictures["losses"]
        boxes = Drawing(picture).boxes("--first", "0.4")
        rows = picture.rows[::-1]
        half = len(boxes) // 2
        assert half == len(rows)
        for bars, shares in (
            (boxes[:half], [row[2] for row in rows]),
            (boxes[half:], [float(row[3].removesuffix(" %")) for row in rows]),
        ):
            heights = np.array([bottom - top for _, top, _, bottom in bars])
            np.testing.assert_allclose(
                heights / heights.max(), np.array(shares) / max(shares), atol=4e-3
            )
        assert sum(row[2] for row in rows) == report.count

    def test_few_rows_have_few_bars(self, report, pictures):
        ends = [row[0] for row in pictures["losses"].rows]
        assert all(high == 2 * low for low, high in ends if low)
        assert len(ends) < len(report.curves.losses)


class TestReliability:
    def test_it_has_a_point_and_a_band_for_each_bin_with_rows(self, report, pictures):
        drawing = Drawing(pictures["reliability"])
        bins = [b for b in report.calibration.bins if b.count]
        height = {}
        for x, y in drawing.marks("--first"):
            height.setdefault(x, []).append(y)
        points = sorted((x, sorted(ys)) for x, ys in height.items() if len(ys) == 3)
        points = [point for point in points if max(point[1]) < 280]  # the legend lies below
        assert len(points) == len(bins)
        # lower end, point and upper end of each, on one scale
        found = np.array([ys[::-1] for _, ys in points])
        wanted = np.array([(b.interval[0], b.accuracy, b.interval[1]) for b in bins])
        slope, offset = np.polyfit(wanted.ravel(), found.ravel(), 1)
        np.testing.assert_allclose(found, slope * wanted + offset, atol=0.02)
        across = np.array([x for x, _ in points])
        slope, offset = np.polyfit([b.mean_confidence for b in bins], across, 1)
        wanted = [slope * b.mean_confidence + offset for b in bins]
        np.testing.assert_allclose(across, wanted, atol=0.02)

    def test_the_rows_of_each_bin_are_there_as_numbers(self, report, pictures):
        texts = Drawing(pictures["reliability"]).texts()
        for b in report.calibration.bins:
            assert not b.count or short(b.count) in texts


class TestPage:
    def test_log_loss_interval_and_baselines_come_first(self, report, html):
        words = " ".join(Page(html).words)
        start = words[: words.index("figure, and what it is")]
        for figure in (
            report.log_loss,
            report.interval,
            report.prior_baseline,
            report.uniform_baseline,
        ):
            assert number(figure) in start

    def test_every_figure_is_there_with_its_definition(self, report, html):
        page = Page(html)
        words = " ".join(" ".join(page.words).split())
        found = [
            figure
            for part in ("losses", "calibration", "decisions", "orders")
            for figure in getattr(definitions, part)(report)
        ]
        assert len(found) == len({figure.name for figure in found}) > 25
        headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
        anchors = {heading.replace(", ", "-") for heading in headings}
        for figure in found:
            assert f"{figure.definition} docs/evaluation.md#{figure.heading}" in words
            assert figure.name in words
            assert number(figure.value) in words
            assert figure.heading in anchors
        assert [tag for tag, _ in page.tags].count("details") == len(found) + len(GALLERY) + 1

    def test_every_picture_has_its_numbers_beside_it(self, html, pictures):
        words = " ".join(Page(html).words)
        for picture in pictures.values():
            assert picture.svg in html
            assert picture.text in words
            for column in picture.head:
                assert column in words

    def test_names_of_others_stay_text(self, hostile_html):
        page = Page(hostile_html)
        assert not {"script", "img", "link", "iframe", "frac"} & {tag for tag, _ in page.tags}
        assert "\u202e" not in hostile_html
        assert not any(key.startswith("on") for _, found in page.tags for key in found)
        assert "\x00" not in hostile_html
        words = " ".join(page.words)
        for text in HOSTILE:
            assert name(text) in words

    def test_it_names_no_other_file(self, hostile_html):
        page = Page(hostile_html)
        for tag, found in page.tags:
            assert "src" not in found
            for key in ("href", "xlink:href"):
                assert found.get(key, "#").startswith("#"), tag

    @pytest.mark.no_cover
    def test_it_is_at_most_300_kb_whatever_there_is_to_show(self, large):
        html = render(large, "large")
        assert len(html.encode()) <= 300_000
        assert "The first 40 of 100." in html
        assert "The worst 8 of 900." in html

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
    @pytest.mark.parametrize("absent", ["matplotlib", "jinja2"])
    def test_without_it_the_error_names_it(self, absent, report, monkeypatch):
        for loaded in [one for one in sys.modules if one.partition(".")[0] == absent]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, absent, None)
        with pytest.raises(Missing, match=r"A page .*\[pictures\]'") as caught:
            render(report, "digits")
        assert caught.value.code == Code.NOT_INSTALLED
        if absent == "matplotlib":
            with pytest.raises(Missing, match=r"A picture .*\[pictures\]'"):
                draw(report, "reliability")

    def test_it_is_not_loaded_before_it_is_needed(self):
        code = (
            "import sys; import service.cli.models; "
            "print({'matplotlib', 'jinja2'} & set(sys.modules))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "set()"


class TestDocuments:
    def test_the_page_shows_every_picture(self):
        page = (DOCS / "pictures.md").read_text("utf-8")
        assert set(re.findall(r"\]\(pictures/([\w-]+)\.svg\)", page)) == set(GALLERY)
        headed = re.findall(r"^## (.*)$", page, re.MULTILINE)
        assert {name for heading in headed for name in heading.split(", ")} >= set(GALLERY)

    def test_its_program_draws_every_picture(self, capsys):
        program = re.search(r"```python\n(.*?)```", (DOCS / "pictures.md").read_text(), re.DOTALL)
        exec(program[1], {})
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" - ")[0] for line in lines] == list(GALLERY)

    @pytest.mark.no_cover
    def test_its_pictures_are_those_that_are_drawn(self):
        """But for what another version of matplotlib draws a point off."""
        spec = importlib.util.spec_from_file_location("draw", DOCS / "pictures" / "draw.py")
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        found = program.report()
        for which in GALLERY:
            stored = ElementTree.parse(DOCS / "pictures" / f"{which}.svg").getroot()
            drawn = ElementTree.fromstring(draw(found, which).svg)
            for tag in ("title", "desc", "text"):
                texts = [[node.text for node in root.iter(SVG + tag)] for root in (stored, drawn)]
                assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (12345, "12,345"), (0.123456, "0.1235"), (-0.5, "−0.5"),
        (-math.inf, "−infinite"), ((0.25, 1.0), "0.25 to 1"), ((math.nan, math.nan), "–"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"), (0.25, "0.25"), (9999, "9999"), (12345, "12.3k"), (999_499, "999k"),
        (999_500, "1M"), (4_560_000, "4.56M"), (7.89e12, "8e12"),
    ],
)  # fmt: skip
def test_short_numbers_have_five_signs_at_most(value, text):
    assert short(value) == text
    assert len(text) <= 5


class TestTraining:
    CURVE = {
        "iteration": [0, 1, 2, 4],
        "objective": [8.0, 4.0, 3.0, 2.5],
        "gradient_norm": [1.0, 0.1, 1e-3, 0.0],
        "log_loss": [0.7, 0.4, 0.3, 0.25],
        "validation_log_loss": [0.7, 0.5, 0.45, 0.6],
    }

    def test_the_lines_go_through_the_steps(self):
        drawing = Drawing(training(self.CURVE))
        x = drawing.scale(["0", "4"], "middle")
        y = drawing.scale(["0.3", "0.6"], "end")
        for colour, column in (("--first", "log_loss"), ("--second", "validation_log_loss")):
            path = max(drawing.paths("fill: none", colour), key=len)
            np.testing.assert_allclose(x(path[:, 0]), self.CURVE["iteration"], atol=0.01)
            np.testing.assert_allclose(y(path[:, 1]), self.CURVE[column], atol=2e-3)

    def test_the_words_say_where_the_validation_loss_was_least(self):
        text = training(self.CURVE).text
        assert "From 0.7 at the start to 0.25 nat after 4 iterations" in text
        assert "least after 2 iterations: 0.45; at the end it is 0.6" in text

    def test_the_numbers_are_beside_it(self):
        picture = training(self.CURVE)
        assert [row[0] for row in picture.rows] == [0, 1, 2, 4]
        assert picture.rows[-1] == (4, 2.5, 0.25, 0.6, 0.0)

    def test_a_curve_of_one_step_and_gradients_beyond_numbers_have_a_picture(self):
        curve = {
            "iteration": [0], "objective": ["Infinity"], "gradient_norm": ["Infinity"],
            "log_loss": [0.5],
        }  # fmt: skip
        picture = training(curve)
        drawn = ElementTree.fromstring(picture.svg)
        for path in drawn.iter(SVG + "path"):
            assert not re.search("nan|inf", path.get("d", ""), re.IGNORECASE)
        assert [row[0] for row in picture.rows] == [0]
        assert 0.5 in picture.rows[0]
