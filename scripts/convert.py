"""Converts the published checkpoints into a weights directory.

    python scripts/convert.py --fastvqa DOVER.pth --clip RN50.pt --maxvqa maxvqa_maxwell.pt --output weights

Needs PyTorch (`pip install torch`), ten seconds and 1.5 GB of memory. Nothing stored in a
checkpoint is run. Exit code 2 if a checkpoint does not fit; then nothing is written.
"""

import argparse
import sys

from jaxvqa.convert import convert_checkpoints
from jaxvqa.errors import UserError


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--fastvqa", metavar="FILE", help="DOVER.pth or FAST_VQA_B_1_4.pth: the technical encoder")
    parser.add_argument("--clip", metavar="FILE", help="CLIP RN50.pt: the aesthetic encoder and the text transformer")
    parser.add_argument("--maxvqa", metavar="FILE", help="maxvqa_maxwell.pt: context vector and fusion MLP")
    parser.add_argument("--output", metavar="DIR", required=True, help="weights directory to make")
    args = parser.parse_args()
    try:
        weights_id = convert_checkpoints(args.output, args.fastvqa, args.clip, args.maxvqa)
    except UserError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2
    print(f"{args.output}: weights {weights_id}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
