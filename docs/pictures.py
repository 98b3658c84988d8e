"""Draws the pictures of the architecture page from their sources: ``make pictures``.

Each ``docs/architecture/NAME.dot`` becomes ``NAME.svg`` beside it. Graphviz arranges the boxes, and the style sheet
below colours them, on an opaque ground: so a picture can be read on a light and on a dark page, whatever the reader has
chosen. Both files are in the repository, because the documentation is built without Graphviz. A test
(``tests/test_documented_structure.py``) compares the digest in the picture with the source.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "docs" / "architecture"

FONT = "Helvetica,Arial,sans-serif"
ATTRIBUTES = [
    f"-Gfontname={FONT}", f"-Nfontname={FONT}", f"-Efontname={FONT}",
    "-Gfontsize=13", "-Nfontsize=13", "-Efontsize=12",
    "-Nshape=box", "-Nstyle=rounded", "-Nmargin=0.1,0.06", "-Nheight=0.3",
    "-Granksep=0.35", "-Gnodesep=0.15", "-Earrowsize=0.7", "-Gpad=0.1",
]  # fmt: skip

STYLE = """
svg { background: #fbfbfd; border-radius: 6px; }
text { fill: #1d2530; }
.edge text { fill: #4a5563; }
.graph > polygon { fill: #fbfbfd; stroke: none; }
.cluster > * { fill: #eef1f6; stroke: #c3cad5; }
.cluster text { fill: #4a5563; stroke: none; }
.node path, .node polygon { fill: #dfe9fb; stroke: #4f74b8; }
.outside path { fill: #ffffff; stroke: #7a8594; }
.disk path { fill: #e3f1e4; stroke: #4c8a55; }
.edge path { fill: none; stroke: #5a6675; }
.edge polygon { fill: #5a6675; stroke: #5a6675; }
@media (prefers-color-scheme: dark) {
  svg { background: #1b1f26; }
  text { fill: #e6e9ee; }
  .edge text { fill: #b4bdc9; }
  .graph > polygon { fill: #1b1f26; }
  .cluster > * { fill: #242a33; stroke: #444d5a; }
  .cluster text { fill: #b4bdc9; }
  .node path, .node polygon { fill: #23385c; stroke: #7ea2e0; }
  .outside path { fill: #2d343f; stroke: #8b96a5; }
  .disk path { fill: #20402a; stroke: #6fb27a; }
  .edge path { stroke: #97a2b0; }
  .edge polygon { fill: #97a2b0; stroke: #97a2b0; }
}
"""


def digest(source: Path) -> str:
    """Return the digest of a source, which its picture holds."""
    return hashlib.sha256(source.read_bytes()).hexdigest()


def draw(source: Path) -> Path:
    """Draw ``source``; return the picture."""
    drawn = subprocess.run(["dot", "-Tsvg", *ATTRIBUTES, source], capture_output=True, text=True, check=True).stdout
    svg = drawn[drawn.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n|<title>[^<]*</title>\n", "", svg, flags=re.DOTALL)
    # The style sheet has the colours. In browsers, a point is larger than a pixel.
    svg = re.sub(r' (?:fill|stroke)="[^"]*"', "", svg)
    svg = re.sub(r' width="(\d+)pt" height="(\d+)pt"', r' width="\1" height="\2"', svg)
    title = source.read_text().partition('"')[2].partition('"')[0]
    head = f"<!-- {source.name} sha256 {digest(source)} -->\n<title>{title}</title>\n<style>{STYLE}</style>\n"
    svg = svg.replace("<g id=", f"{head}<g id=", 1)
    picture = source.with_suffix(".svg")
    picture.write_text(svg)
    return picture


def main() -> None:
    if not shutil.which("dot") and subprocess.run([REPOSITORY / "scripts" / "apt-install", "graphviz"]).returncode:
        sys.exit("dot is missing: install Graphviz")
    for source in sorted(FOLDER.glob("*.dot")):
        print(draw(source).relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
