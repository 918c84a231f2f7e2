"""Plots as SVG, without any library: lines through points, each axis from zero or logarithmic."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT = 720, 350
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 72, 56
_INSET = 24
"""Between the ends of the x axis and its first and last tick, so that labels have room."""
_TEXT = 'font-family="sans-serif" font-size="12" fill="#444"'
_NEAR = 15.0
"""Labels nearer to each other than this would overlap."""
Point = tuple[float, float]


class Line(NamedTuple):
    """What is drawn for one thing that was measured."""

    name: str
    colour: str
    points: Sequence[Point]
    dashed: bool = False


class Axis(NamedTuple):
    """What an axis says, with its unit, and how it is divided. Without ticks they are chosen."""

    title: str
    log: bool = False
    ticks: Sequence[float] = ()

    def divided(self, values: Sequence[float]) -> "Axis":
        """The same with ticks around these values."""
        if self.ticks:
            return self
        if self.log:
            first, last = math.floor(math.log10(min(values) / 1.5)), math.ceil(math.log10(max(values)))
            return self._replace(ticks=[10.0**power for power in range(first, max(last, first + 1) + 1)])
        step = _step(max(values) / 5)
        return self._replace(ticks=[step * part for part in range(math.ceil(max(values) / step) + 1)])

    def share(self, value: float) -> float:
        """Where a value is: 0 at the first tick, 1 at the last."""
        low, high, at = (math.log10(one) if self.log else one for one in (self.ticks[0], self.ticks[-1], value))
        return (at - low) / (high - low)


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], *, labels: bool = True) -> str:
    """A picture of these lines, with the value at each point if there are labels."""
    points = [point for line in lines for point in line.points]
    x, y = x.divided([point[0] for point in points]), y.divided([point[1] for point in points])
    drawn = [(line, [(_x(x.share(at)), _y(y.share(value)), value) for at, value in line.points]) for line in lines]
    parts = [*_frame(title, lines), *_axes(x, y)]
    for line, places in drawn:
        parts.extend(_line(line, places, dots=labels))
    if labels:
        parts.extend(_labels([place for _, places in drawn for place in places]))
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>", ""])


def _frame(title: str, lines: Sequence[Line]) -> Iterator[str]:
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    yield f'<text x="{_LEFT}" y="20" font-family="sans-serif" font-size="15" fill="#222">{escape(title)}</text>'
    x, y = _LEFT, 38
    for line in lines:
        wide = 46 + 6 * len(line.name)
        if x + wide > _WIDTH:
            x, y = _LEFT, y + 18
        yield f'<path d="M{x} {y}h24" {_stroke(line)}/>'
        yield f'<text x="{x + 30}" y="{y + 4}" {_TEXT}>{escape(line.name)}</text>'
        x += wide


def _axes(x: Axis, y: Axis) -> Iterator[str]:
    for value in y.ticks:
        at = _y(y.share(value))
        yield f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" {_TEXT}>{_short(value)}</text>'
    for value in x.ticks:
        at = _x(x.share(value))
        yield f'<path d="M{at:.1f} {_HEIGHT - _BOTTOM}v5" stroke="#888"/>'
        yield f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 19}" text-anchor="middle" {_TEXT}>{_short(value)}</text>'
    across, down = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    yield f'<text x="{across:.0f}" y="{_HEIGHT - 14}" text-anchor="middle" {_TEXT}>{_called(x)}</text>'
    turned = f'transform="rotate(-90 18 {down:.0f})" text-anchor="middle"'
    yield f'<text x="18" y="{down:.0f}" {turned} {_TEXT}>{_called(y)}</text>'


def _line(line: Line, places: Sequence[tuple[float, float, float]], *, dots: bool) -> Iterator[str]:
    yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)}" {_stroke(line)}/>'
    if dots:
        for x, y, _ in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>'


def _labels(places: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """Above the point; below, where another one is right above it."""
    for x, y, value in places:
        crowded = any(x == other[0] and 0 < y - other[1] < 2 * _NEAR for other in places)
        at = f'x="{x:.1f}" y="{y + _NEAR if crowded else y - 7:.1f}" text-anchor="middle"'
        yield f"<text {at} {_TEXT}>{_short(value)}</text>"


def _stroke(line: Line) -> str:
    dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
    return f'fill="none" stroke="{line.colour}" stroke-width="2"{dashes}'


def _called(axis: Axis) -> str:
    return escape(f"{axis.title} (logarithmic)" if axis.log else axis.title)


def _x(share: float) -> float:
    return _LEFT + _INSET + (_WIDTH - _LEFT - _RIGHT - 2 * _INSET) * share


def _y(share: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)


def _step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    unit = 10.0 ** math.floor(math.log10(least))
    return next(unit * one for one in (1, 2, 5, 10) if unit * one >= least * (1 - 1e-9))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"
