"""The words of a review with what each brought, for a terminal and as HTML.

Colour is never alone: what speaks for the label is bold in a terminal and underlined by a full line on a page, what
speaks against it is underlined in a terminal and by a dotted line on a page.
"""

import re
from html import escape
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ..attribution import COMPLETENESS_TOLERANCE, WordAttributions


_RED, _BLUE = "178, 24, 43", "33, 102, 172"
_OF_REVIEW = "margin:0.6em 0;line-height:1.8;white-space:pre-wrap;overflow-wrap:anywhere"
_FAINT = 0.1  # of the strongest word; weaker ones stay plain
_NUM_NAMED = 5  # words named on either side
# What a terminal would obey and a page may not hold; one character takes the place of one, so that spans stay right.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def render_text(attributions: WordAttributions, file: TextIO) -> str:
    """Return the review in colours, with its probabilities and strongest words, as text that suits a stream.

    A stream that is no terminal gets no colours; the strongest words are named with their numbers either way.
    """
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    review = Text(_CONTROLS.sub("\ufffd", attributions.text))
    for (begin, end), value, share in _list_marked(attributions):
        style = ("bold " if share > 0.5 else "") + "blue" if value > 0 else "underline red"
        review.stylize(style, begin, end)
    with console.capture() as capture:
        for line in _describe(attributions):
            console.print(Text(line), soft_wrap=True)
        console.print()
        console.print(review, soft_wrap=True)
        console.print()
        for line in _name_strongest(attributions):
            console.print(Text(line), soft_wrap=True)
    encoding = getattr(file, "encoding", None) or "utf-8"
    return capture.get().encode(encoding, errors="replace").decode(encoding)


def render_html(attributions: WordAttributions) -> str:
    """Return the review as a fragment of HTML, nothing outside it needed: each word shaded by what it brought."""
    text, parts, place = _CONTROLS.sub("\ufffd", attributions.text), [], 0
    for (begin, end), value, share in _list_marked(attributions):
        colour, line = (_BLUE, "solid") if value > 0 else (_RED, "dotted")
        style = f"background:rgba({colour}, {0.45 * share:.2f});border-bottom:2px {line} rgb({colour})"
        parts.append(escape(text[place:begin]))
        parts.append(f'<span style="{style}" title="{value:+.3f}">{escape(text[begin:end])}</span>')
        place = end
    parts.append(escape(text[place:]))
    label = escape(attributions.label)
    legend = (
        f'<span style="border-bottom:2px solid rgb({_BLUE})">for {label}</span> '
        f'<span style="border-bottom:2px dotted rgb({_RED})">against {label}</span>'
    )
    small = "margin:0.4em 0;font-size:0.85em"
    return "\n".join(
        [
            '<div style="color:#111;background:#fff;padding:0.6em 0.8em;font-family:sans-serif">',
            *(f'<p style="{small}">{escape(line)}</p>' for line in _describe(attributions)),
            f'<p style="{_OF_REVIEW}">{"".join(parts)}</p>',
            f'<p style="{small}">{legend}</p>',
            *(f'<p style="{small}">{escape(line)}</p>' for line in _name_strongest(attributions)),
            "</div>",
        ]
    )


def _list_marked(attributions: WordAttributions) -> list[tuple[tuple[int, int], float, float]]:
    """The span, value, and strength in (0, 1] of each word that is not faint."""
    values = attributions.values.tolist()
    strongest = max(map(abs, values), default=0.0)
    return [
        ((begin, end), value, abs(value) / strongest)
        for (begin, end), value in zip(attributions.spans.tolist(), values, strict=True)
        if abs(value) > _FAINT * strongest
    ]


def _describe(attributions: WordAttributions) -> list[str]:
    named = zip(attributions.labels, attributions.probabilities, strict=True)
    method = attributions.method.replace("_", " ")
    unit = " in log-odds" if len(attributions.labels) > 1 else ""  # a single label is a number that is predicted
    lines = [
        ", ".join(f"{label} {value:.3f}" for label, value in named),
        f"{attributions.label}: {attributions.score:+.2f}{unit}, {attributions.baseline_score:+.2f} without the words "
        f"({method})",
    ]
    if attributions.num_steps is not None and attributions.completeness_error > COMPLETENESS_TOLERANCE:
        lines.append(f"The words add up to this difference within {attributions.completeness_error:.0%} only.")
    return lines


def _name_strongest(attributions: WordAttributions) -> list[str]:
    ranked, lines = attributions.rank().tolist(), []
    for side, numbers, sign in (("for", ranked, 1), ("against", ranked[::-1], -1)):
        chosen = [i for i in numbers if sign * attributions.values[i] > 0][:_NUM_NAMED]
        if chosen:
            words = ", ".join(f"{attributions.words[i]} {attributions.values[i]:+.2f}" for i in chosen)
            lines.append(f"{side} {attributions.label}: {words}")
    return lines
