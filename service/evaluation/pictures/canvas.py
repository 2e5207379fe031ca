"""A figure of matplotlib as an SVG that reads in light and in dark, on screen and on paper.

Colours have a meaning here, not a value: a figure is painted with placeholders, which become style
sheet variables with a light and a dark set. What a colour says, a shape, a line style, a strength
or a word says as well, so that nothing is lost to an eye that does not see it.
"""

import re
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from service.errors import Missing
from service.evaluation.pictures import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

Theme = Literal["light", "dark", "auto"]
Row = tuple[object, ...]
Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")

# Placeholders, the variable that carries each, and its two colours.
INK, FAINT, FIRST, SECOND, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
COLOURS = {
    INK: ("ink", "#1d2733", "#e6e9ee"),
    FAINT: ("faint", "#c3cad3", "#465160"),
    FIRST: ("first", "#1f5fa8", "#7db4f0"),
    SECOND: ("second", "#b4500f", "#f0a25f"),
    PAPER: ("paper", "#ffffff", "#14181d"),
}

# matplotlib's settings are global: one picture at a time, and under no settings of the user's.
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and what it says to those who do not see it.

    Attributes:
        title: what it is.
        text: what it shows.
        svg: a stand-alone `<svg>` element, which has both as well, light or dark as its reader is.
        head: names of the columns of `rows`.
        rows: what is drawn, as a table: numbers, ranges of two numbers, and words.
    """

    title: str
    text: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]

    def themed(self, theme: Theme) -> str:
        """The element with the colours of one theme alone, or as it is."""
        if theme == "auto":
            return self.svg
        index = ("light", "dark").index(theme)
        values = {variable: pair[index] for variable, *pair in COLOURS.values()}
        before, sheet, after = re.split("</?style>", self.svg, maxsplit=2)
        rules = sheet.removeprefix(_themes())
        plain = PAINT.sub(lambda found: f"{found[1]}: {values[found[2]]}", rules)
        return f"{before}<style>{plain}</style>{after}"


def drawn(draw: Callable[Given, Drawn]) -> Callable[Given, Drawn]:
    """One call at a time, under matplotlib's own settings.

    Raises:
        Missing: matplotlib is not installed.
    """

    @wraps(draw)
    def alone(*args: Given.args, **kwargs: Given.kwargs) -> Drawn:
        try:
            from matplotlib import rc_context, rcdefaults  # slow to import; only pictures need it
        except ModuleNotFoundError:
            raise Missing.package("pictures", "A picture") from None
        with _drawing, rc_context():
            rcdefaults()
            return draw(*args, **kwargs)

    return alone


def canvas(width: float = 6.0, height: float = 3.8, rows: tuple[float, ...] = (1.0,)) -> "Figure":
    """An empty figure with one panel for each of `rows`, one below the other, sharing their x axis.

    Args:
        width: in inches of 72 points.
        height: the same.
        rows: relative heights of the panels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    axes = figure.subplots(len(rows), sharex=True, squeeze=False, height_ratios=rows)
    for panel in axes[:, 0]:
        _plain(panel)
    return figure


def _plain(axes: "Axes") -> None:
    axes.patch.set_alpha(0.0)
    axes.set_axisbelow(True)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    for side, spine in axes.spines.items():
        spine.set_color(FAINT)
        spine.set_visible(side in ("left", "bottom"))
    for name in (axes.xaxis.label, axes.yaxis.label):
        name.set_color(INK)
        name.set_fontsize(10)


def label(name: object) -> str:
    """The name of a class as text of a picture: short, and never a formula."""
    return words.name(name, 24).replace("$", r"\$")


def legend(
    figure: "Figure", columns: int = 2, marks: "list[Patch] | None" = None, title: str | None = None
) -> None:
    """Names what is drawn, or the marks, below the panels, where it covers nothing."""
    given = {} if marks is None else {"handles": marks}
    named = figure.legend(
        loc="outside lower center", ncols=columns, frameon=False, fontsize=9, labelcolor=INK,
        title=title, **given,
    )  # fmt: skip
    named.get_title().set(color=INK, fontsize=9)


def picture(
    figure: "Figure", name: str, title: str, text: str, head: tuple[str, ...], rows: Iterable[Row]
) -> Picture:
    """The figure as a stand-alone SVG that names no other file; the same figure, the same bytes.

    Args:
        figure: painted with the placeholders.
        name: distinguishes the identifiers of several pictures on one page.
        title: what the picture is, for a screen reader and a tooltip.
        text: what it shows, in words.
        head: names of the columns of `rows`.
        rows: what is drawn, in numbers.
    """
    from matplotlib import rcParams

    figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)
    out = StringIO()
    rcParams["svg.fonttype"], rcParams["svg.hashsalt"] = "none", name
    with warnings.catch_warnings():
        # the reader's fonts draw the names; matplotlib's only measure them
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    box, sheet, body = _compact(out.getvalue(), name)
    element = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box} role="img" aria-labelledby="{name}-title {name}-text">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-text">{escape(text)}</desc>\n'
        f"<style>{sheet}</style>{body}"
    )
    return Picture(title, text, element, head, tuple(rows))


def _compact(whole: str, name: str) -> tuple[str, str, str]:
    """The file of matplotlib as attributes of the element, a style sheet, and what it holds.

    Colours become variables, styles become classes; fonts, identifiers that nothing refers to and
    digits below a hundredth of a point are left out. What stands between tags is never touched:
    others have written it.
    """
    box = re.search(r'viewBox="0 0 ([\d.]+) [^"]+"', whole)
    assert box is not None
    body = whole[whole.index(">", whole.index("<svg")) + 1 :]
    body = re.sub(r"\s*<(metadata|style)[ >].*?</\1>", "", body, flags=re.DOTALL)
    classes: dict[str, str] = {}

    def styled(found: re.Match[str]) -> str:
        style = re.sub(r"font(-family)?: ([\w. ]*?)'[^;]*", r"font\1: \2sans-serif", found[1])
        style = re.sub(r"(fill|stroke): (#\w{6})", _coloured, style)
        return f'class="{classes.setdefault(style, f"{name}-{len(classes)}")}"'

    def shortened(found: re.Match[str]) -> str:
        tag = re.sub(r"(\.\d\d)\d+", r"\1", found[0])
        tag = re.sub(r' id="[a-z0-9.]+_\d+"| transform="rotate\(-0[^"]*"', "", tag)
        tag = re.sub(r'style="([^"]*)"', styled, tag)
        return re.sub(r' d="([^"]*)"', _path, tag)

    body = re.sub(r"<[^>]+>", shortened, body)
    body = re.sub(r">\s+<", "><", body).replace("<defs></defs>", "").replace("<g/>", "")
    rules = "".join(f".{short}{{{style}}}" for style, short in classes.items())
    return f'{box[0]} width="{box[1]}pt"', f"{_themes()}{BASE}{rules}", body


def _path(found: re.Match[str]) -> str:
    """A path without spaces, its rectangles in short."""
    short = re.sub(r"\s*([MLCQz])\s*", r"\1", RECTANGLE.sub(r"M\1 \2H\3V\4H\1z", found[1]))
    return f' d="{short}"'


def _coloured(found: re.Match[str]) -> str:
    attribute, placeholder = found.groups()
    if placeholder not in COLOURS:
        return found[0]
    variable, light, _ = COLOURS[placeholder]
    # twice: programs without variables keep the first
    return f"{attribute}: {light}; {attribute}: var(--{variable})"


PAINT = re.compile(r"(fill|stroke): #\w{6}; \1: var\(--(\w+)\)")
RECTANGLE = re.compile(r"M (\S+) (\S+) \nL (\S+) \2 \nL \3 (\S+) \nL \1 \4 \n(?:L \1 \2 \n)?z")
BASE = "svg { font-family: sans-serif; stroke-linejoin: round; } "


def _themes() -> str:
    """Both sets of colours; paper is light."""
    light, dark = (
        " ".join(f"--{variable}: {pair[index]};" for variable, *pair in COLOURS.values())
        for index in (0, 1)
    )
    return (
        f"svg {{ {light} }} @media screen and (prefers-color-scheme: dark) {{ svg {{ {dark} }} }} "
    )
