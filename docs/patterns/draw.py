"""Draws the pictures of these pages: python docs/patterns/draw.py

A picture is boxes in columns, frames around some of them, and arrows. Its colours follow the reader's, light or dark.
"""

from pathlib import Path
from typing import NamedTuple

STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2937; text-anchor: middle }
  .small { font-size: 12px; fill: #6b7280 }
  .box { fill: #e8f1f9; stroke: #1b6ca8 }
  .other { fill: #f5f5f4; stroke: #78716c }
  .frame { fill: none; stroke: #9ca3af; stroke-dasharray: 5 4 }
  .arrow { fill: none; stroke: #1b6ca8; stroke-width: 1.5; marker-end: url(#head) }
  .head { fill: #1b6ca8 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb }
    .small { fill: #9ca3af }
    .box { fill: #12324a; stroke: #6cb2e4 }
    .other { fill: #292524; stroke: #a8a29e }
    .arrow { stroke: #6cb2e4 }
    .head { fill: #6cb2e4 }
  }
"""
HEAD = (
    '<defs><marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
    '<path class="head" d="M0 0L9 4L0 8z"/></marker></defs>'
)
WIDTH, HEIGHT, ACROSS, DOWN = 140, 48, 200, 90


class Box(NamedTuple):
    """A box in a column and a row (halves may be), with what stands in it and, smaller, below that."""

    column: float
    row: float
    title: str
    note: str = ""
    ours: bool = False

    @property
    def x(self) -> float:
        """Its left side."""
        return 20 + self.column * ACROSS

    @property
    def y(self) -> float:
        """Its top."""
        return 34 + self.row * DOWN


class Picture(NamedTuple):
    """Boxes by name, arrows (from, to, what is said), and frames around boxes (title, their names)."""

    boxes: dict[str, Box]
    arrows: tuple[tuple[str, str, str], ...]
    frames: tuple[tuple[str, tuple[str, ...]], ...] = ()


def svg(picture: Picture) -> str:
    """The picture."""
    boxes = picture.boxes.values()
    width, height = (int(max(one) + 20) for one in ([b.x + WIDTH for b in boxes], [b.y + HEIGHT + 14 for b in boxes]))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        HEAD,
    ]
    for title, names in picture.frames:
        inside = [picture.boxes[name] for name in names]
        left, top = min(one.x for one in inside) - 12, min(one.y for one in inside) - 24
        right, bottom = max(one.x for one in inside) + WIDTH + 12, max(one.y for one in inside) + HEIGHT + 10
        size = f'width="{right - left:g}" height="{bottom - top:g}"'
        lines.append(f'<rect class="frame" x="{left:g}" y="{top:g}" {size} rx="8"/>')
        lines.append(f'<text class="small" x="{(left + right) / 2:g}" y="{top + 16:g}">{title}</text>')
    for begin, end, said in picture.arrows:
        one, other = picture.boxes[begin], picture.boxes[end]
        x1, y1, x2, y2 = one.x + WIDTH, one.y + HEIGHT / 2, other.x - 1, other.y + HEIGHT / 2
        lines.append(f'<path class="arrow" d="M{x1:g} {y1:g}L{x2:g} {y2:g}"/>')
        if said:
            lines.append(f'<text class="small" x="{(x1 + x2) / 2:g}" y="{(y1 + y2) / 2 - 8:g}">{said}</text>')
    for one in boxes:
        kind = "box" if one.ours else "other"
        lines.append(f'<rect class="{kind}" x="{one.x:g}" y="{one.y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>')
        middle = one.x + WIDTH / 2
        lines.append(f'<text x="{middle:g}" y="{one.y + (20 if one.note else 29):g}">{one.title}</text>')
        if one.note:
            lines.append(f'<text class="small" x="{middle:g}" y="{one.y + 38:g}">{one.note}</text>')
    return "\n".join([*lines, "</svg>", ""])


PICTURES = {
    "simple-ingress": Picture(
        {
            "clients": Box(0, 0.5, "clients"),
            "gate": Box(1, 0.5, "Gateway web", "Envoy proxies", ours=True),
            "shop": Box(2, 0, "HTTPRoute shop", "namespace shop", ours=True),
            "blog": Box(2, 1, "HTTPRoute …", "another team's", ours=True),
            "app": Box(3, 0, "httpbin", "Service"),
            "other": Box(3, 1, "…", "Service"),
        },
        (
            ("clients", "gate", ""),
            ("gate", "shop", ""),
            ("gate", "blog", ""),
            ("shop", "app", ""),
            ("blog", "other", ""),
        ),
    ),
    "sharded": Picture(
        {
            "reds": Box(0, 0, "clients of red"),
            "blues": Box(0, 1.3, "clients of blue"),
            "red": Box(1, 0, "Gateway gate", "proxies of its own", ours=True),
            "blue": Box(1, 1.3, "Gateway gate", "proxies of its own", ours=True),
            "app": Box(2, 0, "HTTPRoutes", "Services"),
            "other": Box(2, 1.3, "HTTPRoutes", "Services"),
        },
        (("reds", "red", ""), ("blues", "blue", ""), ("red", "app", ""), ("blue", "other", "")),
        (("namespace red: its roles, its quota", ("red", "app")), ("namespace blue", ("blue", "other"))),
    ),
    "central-ingress": Picture(
        {
            "clients": Box(0, 0.65, "clients"),
            "front": Box(1, 0.65, "Gateway front", "limits, headers", ours=True),
            "red": Box(2, 0, "Gateway gate", "TLS, for the front", ours=True),
            "blue": Box(2, 1.3, "Gateway gate", "TLS, for the front", ours=True),
            "app": Box(3, 0, "Services"),
            "other": Box(3, 1.3, "Services"),
        },
        (
            ("clients", "front", ""),
            ("front", "red", ""),
            ("front", "blue", ""),
            ("red", "app", ""),
            ("blue", "other", ""),
        ),
        (
            ("namespace ingress", ("front",)),
            ("namespace red", ("red", "app")),
            ("namespace blue", ("blue", "other")),
        ),
    ),
    "mesh": Picture(
        {
            "clients": Box(0, 0, "clients"),
            "front": Box(1, 0, "Gateway front", "Envoy proxies", ours=True),
            "shop": Box(0, 1.3, "a pod of shop"),
            "mine": Box(1, 1.3, "proxy beside it", "port 15001", ours=True),
            "office": Box(0, 2.6, "a pod of office"),
            "theirs": Box(1, 2.6, "proxy beside it", "a route of its own", ours=True),
            "v1": Box(2.2, 0.65, "reviews-v1", "Service"),
            "v2": Box(2.2, 1.95, "reviews-v2", "Service"),
        },
        (
            ("clients", "front", ""),
            ("shop", "mine", ""),
            ("office", "theirs", ""),
            ("front", "v1", ""),
            ("front", "v2", ""),
            ("mine", "v1", ""),
            ("mine", "v2", ""),
            ("theirs", "v1", ""),
        ),
        (("HTTPRoute reviews: the Gateway's and the Service's", ("v1", "v2")),),
    ),
    "haproxy": Picture(
        {
            "clients": Box(0, 0, "clients"),
            "before": Box(1, 0, "HAProxy", "send-proxy(-v2)"),
            "gate": Box(2, 0, "Gateway edge", "who, from where", ours=True),
            "behind": Box(3, 0, "HAProxy", "accept-proxy"),
            "app": Box(4, 0, "httpbin"),
        },
        (
            ("clients", "before", ""),
            ("before", "gate", "PROXY"),
            ("gate", "behind", "PROXY"),
            ("behind", "app", ""),
        ),
    ),
    "aws": Picture(
        {
            "clients": Box(0, 0.5, "clients"),
            "nlb": Box(1, 0, "NLB", "connections"),
            "alb": Box(1, 1, "ALB", "TLS, requests"),
            "gate": Box(2, 0, "Gateway nlb", "proxyProtocol", ours=True),
            "other": Box(2, 1, "Gateway alb", "one trusted hop", ours=True),
            "app": Box(3, 0.5, "httpbin", "Service"),
        },
        (
            ("clients", "nlb", ""),
            ("clients", "alb", ""),
            ("nlb", "gate", "PROXY"),
            ("alb", "other", "XFF"),
            ("gate", "app", ""),
            ("other", "app", ""),
        ),
    ),
}

if __name__ == "__main__":
    for name, drawn in PICTURES.items():
        Path(__file__).with_name(f"{name}.svg").write_text(svg(drawn))
