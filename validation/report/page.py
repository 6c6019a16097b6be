"""The report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from validation.claims.claim import TOPICS, VERDICTS, Claim
from validation.claims.table import summary
from validation.report.bands import Bands, band_table
from validation.report.figures import Figure

HERE = Path(__file__).parent
_NUMBERS = {
    "barrier": "barrier", "reverse": "reverse barrier", "reaction": "reaction energy", "charge": "charge, first image to saddle", "slope": "slope of the barrier in potential",
}  # fmt: skip


def page(claims: Sequence[Claim], figures: Sequence[Figure], bands: Bands) -> str:
    """Return the text of the page.

    Parameters
    ----------
    claims : of `validation.claims`
    figures : of `report.figures`
    bands : of `report.bands`
    """
    data = json.dumps(bands.rows).replace("</", "<\\/")
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("style.css", "page.js"))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>electrode: validation</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>electrode: validation</h1>
<p>What others published or measured about atoms at electrified interfaces, what is measured here, and by which command.</p>
{_counts(claims)}
</header>
<main>
{_barrier(bands)}
{_claims(claims)}
<section aria-labelledby="figures-title"><h2 id="figures-title">Figures</h2>
{"".join(_figure(f) for f in figures)}</section>
</main>
<footer>Written by <code>python -m validation report</code>. {escape(summary(claims))}.</footer>
<script type="application/json" id="bands">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def _counts(claims: Sequence[Claim]) -> str:
    counts = Counter(c.verdict for c in claims)
    items = "".join(f'<li class="{_kind(v)}">{counts[v]} {v}</li>' for v in VERDICTS if counts[v])
    return f'<ul class="counts" aria-label="Claims by verdict">{items}</ul>'


def _barrier(bands: Bands) -> str:
    numbers = "".join(f'<div><dt>{text}</dt><dd id="{name}"></dd></div>' for name, text in _NUMBERS.items())
    heads, *rows = band_table(bands.rows)
    cells = "".join(f"<tr>{''.join(f'<td>{x}</td>' for x in row)}</tr>" for row in rows)
    titles = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    table = f'<table class="number"><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table>'
    command = "" if bands.command is None else f"<p><code>{escape(bands.command)}</code></p>"
    return f"""<section aria-labelledby="barrier-title"><h2 id="barrier-title">A barrier against potential</h2>
<p>{bands.said} The dashed slope is &minus;(Q<sub>saddle</sub> &minus; Q<sub>initial</sub>), the exact derivative of the barrier; scale: {escape(bands.rows[0]["reference"])}.</p>
<div class="barrier">
<div class="control"><label for="potential">Electrode potential</label>
<input type="range" id="potential" min="0" max="{len(bands.rows) - 1}" step="1" value="0"><output id="shown" for="potential"></output></div>
<div class="plots">
<svg id="profile" viewBox="0 0 460 300" role="img" aria-labelledby="profile-title"><title id="profile-title">Energy along the path at the chosen potential, the other potentials faint</title></svg>
<svg id="barriers" viewBox="0 0 460 300" role="img" aria-labelledby="barriers-title"><title id="barriers-title">Barrier against potential with its slope at the chosen potential</title></svg>
</div>
<dl aria-live="polite">{numbers}</dl>
<details><summary>All figures as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Bands">{table}</div>{command}</details>
</div></section>"""


def _claims(claims: Sequence[Claim]) -> str:
    heads = "".join(f'<th scope="col"><button type="button">{name}</button></th>' for name in ("claim", "published", "here", "verdict", "topic", "date"))
    return f"""<section aria-labelledby="claims-title"><h2 id="claims-title">Claims</h2>
<p>A click on a head sorts. <em>Better</em>, <em>reproduced</em> and <em>short</em> are checked against the numbers beside each entry; <em>not comparable</em>: figures of
different data; <em>not yet run</em>: no figure here. Smaller is better throughout. P: the Python of an environment with the peers; CASES: a folder of reference cases.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="claims-title"><table class="claims"><thead><tr>{heads}</tr></thead>
<tbody>
{"".join(_row(c) for c in claims)}</tbody></table></div></section>"""


def _row(claim: Claim) -> str:
    source = _words(claim.source) if claim.doi is None else f'<a href="https://doi.org/{escape(claim.doi)}">{_words(claim.source)}</a>'
    remark = f'<span class="remark">{_words(claim.remark)}</span>' if claim.remark else ""
    first = f'{_words(claim.claim)}<span class="source">{source}</span>{remark}<code class="command">{escape(claim.command)}</code>'
    verdict = f'<span class="verdict {_kind(claim.verdict)}">{escape(claim.result)}</span>'
    rank = VERDICTS.index(claim.verdict)
    cells = (f"<td>{_words(claim.published)}</td>", f"<td>{_words(claim.ours or '-')}</td>", f'<td data-key="{rank}">{verdict}</td>', f"<td>{TOPICS[claim.topic]}</td>", f"<td>{claim.date or '-'}</td>")
    return f'<tr><td data-key="{escape(claim.claim)}">{first}</td>{"".join(cells)}</tr>\n'


def _words(text: str) -> str:
    """Return text with what stands in `back quotes` as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _kind(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _figure(figure: Figure) -> str:
    caption = f'{escape(figure.caption)}<code class="command">{escape(figure.command)}</code>'
    return f'<figure><img src="{figure.uri}" alt="{escape(figure.alt)}" loading="lazy"><figcaption>{caption}</figcaption></figure>\n'
