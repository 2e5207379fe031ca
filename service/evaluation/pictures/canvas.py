"""A figure of matplotlib as an SVG that reads in light and in dark, on screen and on paper.

Colours have a meaning here, not a value: a figure is painted with placeholders, which become style
sheet variables with a light and a dark set. What a colour says, a shape, a line style or a word
says as well, so that nothing is lost to an eye that does not see it.
"""

import re
import threading
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from service.errors import MissingExtra

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


def canvas(width: float = 6.0, height: float = 3.8, rows: tuple[float, ...] = (1.0,)) -> "Figure":
    """An empty figure with one panel for each of `rows`, one below the other, sharing their x axis.

    Args:
        width: in inches of 72 points.
        height: the same.
        rows: relative heights of the panels.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # 0.8 s to import; only pictures need it
    except ModuleNotFoundError:
        raise MissingExtra("pictures", "matplotlib") from None
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
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(INK)
        label.set_fontsize(10)


def legend(axes: "Axes", place: str = "best") -> None:
    """Names what is drawn, in the colours of the picture."""
    axes.legend(loc=place, frameon=False, fontsize=9, labelcolor=INK)


def svg(figure: "Figure", name: str, title: str, description: str) -> str:
    """The figure as a stand-alone SVG; the same figure gives the same bytes.

    Args:
        figure: painted with the placeholders.
        name: distinguishes the identifiers of several pictures on one page.
        title: what the picture is, for a screen reader and a tooltip.
        description: what it shows, in words, for those who cannot see it.

    Returns:
        An `<svg>` element with its own style sheet; it names no other file.
    """
    from matplotlib import rc_context

    out = StringIO()
    with _drawing, rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    opened = text.index(">", text.index("<svg")) + 1
    box = re.search(r'viewBox="[^"]+"', text)
    assert box is not None
    body = re.sub(r"(fill|stroke): (#\w{6})", _coloured, text[opened:])
    body = re.sub(r' id="[a-z0-9.]+_\d+"', "", body)  # of groups, which nothing refers to
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"font: ([^;\"]*?)'[^;\"]*", r"font: \1system-ui, sans-serif", body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box[0]} role="img" aria-labelledby="{name}-title {name}-text">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-text">{escape(description)}</desc>\n'
        f"<style>{_sheet()}</style>{body}"
    )


def _coloured(found: re.Match[str]) -> str:
    attribute, placeholder = found.groups()
    if placeholder not in COLOURS:
        return found[0]
    variable, light, _ = COLOURS[placeholder]
    # twice: programs without variables keep the first
    return f"{attribute}: {light}; {attribute}: var(--{variable})"


def _sheet() -> str:
    """Both sets of colours; paper is light."""
    light, dark = (
        " ".join(f"--{variable}: {pair[index]};" for variable, *pair in COLOURS.values())
        for index in (0, 1)
    )
    return (
        f"svg {{ {light} }} @media screen and (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}"
    )
