"""The claims, the figures and a barrier whose potential can be moved, as one HTML file for any browser; no network is needed.

`python -m validation report --output report.html [--bands FILE.json] [--force]`

--output FOLDER writes FOLDER/index.html.  --bands takes what `electrode neb --json` wrote for other bands; those of the project are barriers.json beside this file,
made by the command that the page names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from electrode.output import refuse_existing, replacing
from validation.claims.claim import read_claims
from validation.report.bands import BANDS, read_bands
from validation.report.figures import read_figures
from validation.report.page import page


def main(argv: list[str]) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m validation report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True, metavar="FILE.html", help="file, or folder for its index.html")
    parser.add_argument("--bands", default=BANDS, metavar="FILE.json", help="what `electrode neb --json` wrote (default the project's)")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    arguments = parser.parse_args(argv)
    path = Path(arguments.output)
    if path.suffix.lower() != ".html":
        path.mkdir(parents=True, exist_ok=True)
        path /= "index.html"
    refuse_existing([path], arguments.force)
    text = page(read_claims(), read_figures(), read_bands(arguments.bands))
    with replacing(path, arguments.force) as part:
        part.write_text(text, encoding="utf-8")
    print(f"{path}: {len(text) / 1e6:.1f} MB")
    return 0
