"""Plots as SVG, without any library: bars in groups, on a logarithmic scale, and lines."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 60, 40
_COLOURS = ("#1b6ca8", "#8fbcdc", "#c8553d", "#eab0a2")
_TEXT = 'font-family="sans-serif" font-size="12" fill="#555"'
Point = tuple[float, float]


def bars(title: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """A group of bars for each name on the x axis; None is a bar that is missing. The y axis is logarithmic."""
    values = [one for row in series.values() for one in row if one]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 0.05)
    parts = [*_frame(title, list(series)), *_grid([10.0**power for power in range(low, high + 1)], low, high, log=True)]
    step = (_WIDTH - _LEFT - _RIGHT) / len(groups)
    wide = step * 0.8 / len(series)
    for place, group in enumerate(groups):
        left = _LEFT + step * place + step * 0.1
        middle = left + step * 0.4
        parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 15}" text-anchor="middle" {_TEXT}>{escape(group)}</text>')
        for number, row in enumerate(series.values()):
            value = row[place]
            x = left + wide * number
            if not value:
                parts.append(f'<text x="{x + 4:.0f}" y="{_HEIGHT - _BOTTOM - 4}" {_TEXT}>–</text>')
                continue
            y = _y(math.log10(value), low, high)
            size = f'width="{wide * 0.9:.1f}" height="{max(1.0, _HEIGHT - _BOTTOM - y):.1f}"'
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{_COLOURS[number]}"/>')
            at = f'x="{x + wide * 0.45:.1f}" y="{y - 4:.1f}" text-anchor="middle"'
            parts.append(f"<text {at} {_TEXT}>{_short(value)}</text>")
    return _whole(parts)


def lines(title: str, x_title: str, series: Mapping[str, Sequence[Point]]) -> str:
    """A line for each name; both axes begin at zero."""
    right = max(x for points in series.values() for x, _ in points) or 1.0
    top = _round_up(max(y for points in series.values() for _, y in points))
    parts = [*_frame(title, list(series)), *_grid([top * part / 4 for part in range(5)], 0, top, log=False)]
    for part in range(5):
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * part / 4
        label = f"{_short(right * part / 4)} {x_title}" if part == 4 else _short(right * part / 4)
        anchor = "end" if part == 4 else "middle"
        parts.append(f'<text x="{x:.0f}" y="{_HEIGHT - 15}" text-anchor="{anchor}" {_TEXT}>{escape(label)}</text>')
    for number, points in enumerate(series.values()):
        at = " ".join(f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * x / right:.1f},{_y(y, 0, top):.1f}" for x, y in points)
        parts.append(f'<polyline points="{at}" fill="none" stroke="{_COLOURS[number]}" stroke-width="2"/>')
    return _whole(parts)


def _frame(title: str, names: list[str]) -> list[str]:
    parts = [
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-family="sans-serif" font-size="15" fill="#222">{escape(title)}</text>',
    ]
    x = _LEFT
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="32" width="12" height="12" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 17}" y="42" {_TEXT}>{escape(name)}</text>')
        x += 40 + 7 * len(name)
    return parts


def _grid(values: list[float], low: float, high: float, *, log: bool) -> list[str]:
    parts = []
    for value in values:
        y = _y(math.log10(value) if log else value, low, high)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {_TEXT}>{_short(value)}</text>')
    return parts


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _round_up(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return math.ceil(value / unit * 2) / 2 * unit


def _whole(parts: list[str]) -> str:
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *parts, "</svg>", ""])
