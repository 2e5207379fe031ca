"""A figure of matplotlib as an SVG that reads in light and in dark, on screen and on paper.

Colours have a meaning here, not a value: a figure is painted with placeholders, which become style
sheet variables with a light and a dark set. What a colour says, a shape, a line style or a word
says as well, so that nothing is lost to an eye that does not see it.
"""

import re
import threading
import warnings
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from service.errors import Missing
from service.evaluation.pictures import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Placeholders, the two colours that each stands for, and the variable that carries them.
INK, FAINT, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
COLOURS = {
    INK: ("ink", "#1d2733", "#e6e9ee"),
    FAINT: ("faint", "#c3cad3", "#465160"),
    FIRST: ("first", "#1f5fa8", "#7db4f0"),
    SECOND: ("second", "#b4500f", "#f0a25f"),
}

# matplotlib keeps the two settings that matter to an SVG in a global; one picture at a time.
_drawing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, and what it says to those who do not see it.

    Attributes:
        title: what it is.
        text: what it shows.
        svg: a stand-alone `<svg>` element, which has both as well.
    """

    title: str
    text: str
    svg: str


def canvas(width: float = 6.0, height: float = 3.8, rows: tuple[float, ...] = (1.0,)) -> "Figure":
    """An empty figure with one panel for each of `rows`, one below the other, sharing their x axis.

    Args:
        width: in inches of 72 points.
        height: the same.
        rows: relative heights of the panels.

    Raises:
        Missing: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # slow to import; only pictures need it
    except ModuleNotFoundError:
        raise Missing.package("pictures", "A picture") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
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


def legend(figure: "Figure") -> None:
    """Names what is drawn, below the panels, where it covers nothing."""
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=INK)


def picture(figure: "Figure", name: str, title: str, text: str) -> Picture:
    """The figure as a stand-alone SVG that names no other file; the same figure, the same bytes.

    Args:
        figure: painted with the placeholders.
        name: distinguishes the identifiers of several pictures on one page.
        title: what the picture is, for a screen reader and a tooltip.
        text: what it shows, in words.
    """
    from matplotlib import rc_context

    out = StringIO()
    with (
        _drawing,
        rc_context({"svg.fonttype": "none", "svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # the reader's fonts draw the names; matplotlib's only measure them
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    drawn = out.getvalue()
    opened = drawn.index(">", drawn.index("<svg")) + 1
    box = re.search(r'viewBox="0 0 ([\d.]+) [^"]+"', drawn)
    assert box is not None
    body = re.sub(r"(fill|stroke): (#\w{6})", _coloured, drawn[opened:])
    body = re.sub(r' id="[a-z0-9.]+_\d+"', "", body)  # of groups, which nothing refers to
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]+>", _shortened, body)
    body = re.sub(r">\s+<", "><", body).replace("<g/>", "")
    element = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box[0]} width="{box[1]}pt" role="img" aria-labelledby="{name}-title {name}-text">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-text">{escape(text)}</desc>\n'
        f"<style>{_sheet()}</style>{body}"
    )
    return Picture(title, text, element)


def _coloured(found: re.Match[str]) -> str:
    attribute, placeholder = found.groups()
    if placeholder not in COLOURS:
        return found[0]
    variable, light, _ = COLOURS[placeholder]
    # twice: programs without variables keep the first
    return f"{attribute}: {light}; {attribute}: var(--{variable})"


def _shortened(tag: re.Match[str]) -> str:
    """A tag without its list of fonts, coordinates to a hundredth of a point."""
    text = re.sub(r"font(-family)?: ([\w. ]*?)'[^;\"]*", r"font\1: \2sans-serif", tag[0])
    return re.sub(r"(\.\d\d)\d+", r"\1", text.replace("font-family: sans-serif; ", ""))


def _sheet() -> str:
    """Both sets of colours; paper is light."""
    light, dark = (
        " ".join(f"--{variable}: {pair[index]};" for variable, *pair in COLOURS.values())
        for index in (0, 1)
    )
    return (
        f"svg {{ {light} font-family: sans-serif; }} "
        f"@media screen and (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"
    )
