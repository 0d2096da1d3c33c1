"""A result in a notebook: a few figures and a plot of throughput and queue, as one HTML text."""

from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 120, 64, 18, 16


def _number(value):
    """With thousands apart and no more than three decimals."""
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _line(values, top, colour, name):
    """One series as a path over the plot's width."""
    span = _WIDTH - _LEFT
    step = span / max(len(values), 1)
    scale = (_HEIGHT - _BOTTOM - _TOP) / (top or 1)
    points = " ".join(f"{_LEFT + (i + 0.5) * step:.1f},{_HEIGHT - _BOTTOM - value * scale:.1f}"
                      for i, value in enumerate(values))
    return (f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}">'
            f"<title>{escape(name)}</title></polyline>")


def _panel(offset, seconds, series, unit):
    """A plot of (values, colour, name) with a shared axis from 0."""
    top = max((float(max(values, default=0)) for values, _, _ in series), default=0.0)
    base = _HEIGHT - _BOTTOM
    names = "".join(
        f'<tspan fill="{colour}" dx="8">{escape(name)}</tspan>' for _, colour, name in series)
    return (f'<g transform="translate(0,{offset})" font-size="11" fill="currentColor">'
            f'<path d="M{_LEFT},{_TOP}V{base}H{_WIDTH}" fill="none" stroke="currentColor" '
            f'stroke-opacity="0.5"/>'
            f'<text x="{_LEFT - 4}" y="{_TOP + 4}" text-anchor="end">{_number(top)}</text>'
            f'<text x="{_LEFT - 4}" y="{base}" text-anchor="end">0</text>'
            f'<text x="{_LEFT}" y="{_HEIGHT - 4}">0 s</text>'
            f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{_number(seconds)} s</text>'
            f'<text x="{_LEFT}" y="11">{escape(unit)}{names}</text>'
            + "".join(_line(values, top, colour, name) for values, colour, name in series) + "</g>")


def timeline_svg(columns, bucket_ns):
    """Generated tokens a second, and mean running and waiting requests, over simulated time."""
    seconds = len(columns["running"]) * bucket_ns / 1e9
    rate = columns["generated_tokens"] / (bucket_ns / 1e9)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {2 * _HEIGHT}" '
            f'width="{_WIDTH}" height="{2 * _HEIGHT}" role="img" aria-label="throughput, running '
            f'and waiting requests over simulated time">'
            + _panel(0, seconds, [(rate, "#2a78b8", "generated")], "tokens/s")
            + _panel(_HEIGHT, seconds, [(columns["running"], "#2e8b57", "running"),
                                        (columns["waiting"], "#c0562b", "waiting")], "requests")
            + "</svg>")


def _rows(summary):
    yield "requests", _number(summary["requests"])
    yield "simulated time", f"{_number(summary['simulated_ns'] / 1e9)} s"
    rates = summary["throughput"]
    yield "generated tokens/s", _number(rates["generated_tokens_per_s"])
    yield "requests/s", _number(rates["requests_per_s"])
    for name, label in (("ttft_ns", "TTFT"), ("tpot_ns", "TPOT"), ("latency_ns", "latency")):
        values = summary["latency"][name]
        if values["count"]:
            yield f"{label} mean, p99", (f"{_number(values['mean'] / 1e6)} ms, "
                                         f"{_number(values['p99'] / 1e6)} ms")


def result_html(summary, columns, bucket_ns):
    """`summary` of Result.summary; `columns` of the timeline, its buckets `bucket_ns` wide."""
    rows = "".join(f'<tr><th style="text-align:left">{escape(name)}</th>'
                   f'<td style="text-align:right">{escape(value)}</td></tr>'
                   for name, value in _rows(summary))
    return f"<div><table>{rows}</table>{timeline_svg(columns, bucket_ns)}</div>"
