"""Converts the published checkpoints into a weights directory.

    python scripts/convert.py --fastvqa DOVER.pth --clip RN50.pt --maxvqa maxvqa_maxwell.pt --output weights

The same as `jaxvqa convert`.
"""

import sys

from jaxvqa.cli import main

if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))
