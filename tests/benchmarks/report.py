"""How long ``serkit report`` takes for six executions, beside the reading of their figures.

Run as ``python tests/benchmarks/report.py``. The executions are committed ones on real speech; the page, its LaTeX and
its CSV are written into a folder that is thrown away. Printed are seconds of processor time, the page's size, and how
many times as long it takes to decode the figures' pixels, which any page must at least do to make them smaller.
"""

import tempfile
import time
from pathlib import Path

from PIL import Image

from serkit import page

RESULTS = Path(__file__).parents[2] / "results"
SIX = [f"ravdess/{name}" for name in ("chang2017", "compare", "li2018", "tao2018", "zhao2018")]
SIX += ["ravdess-proxy/khorram2017"]


def main():
    """Time both, once each."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in SIX:
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).symlink_to(RESULTS / name)
        before = time.process_time()
        written, *_ = page.write(root, latex=True, csv=True)
        seconds, size = time.process_time() - before, written.stat().st_size / 1e6
        before = time.process_time()
        for path in sorted(root.glob("*/*/figures/*.png")):
            with Image.open(path) as figure:
                figure.load()
        decoding = time.process_time() - before
    print(f"six executions: {seconds:.1f} s, {size:.1f} MB; figures: {seconds / decoding:.1f} times their decoding")


if __name__ == "__main__":
    main()
