"""Compares our outputs with golden ones of the published implementation, array by array.

    python scripts/check_parity.py GOLDEN_DIR --weights DIR [--deep DIR] [--videos DIR]

GOLDEN_DIR holds text.npz, clip_visual.npz, swin_TxHxW.npz, fastvqa_head.npz, frame_sampler.json,
video_NAME.npz (which needs --videos with a file NAME.*), losses.npz, schedule.npz and train_RECIPE.npz
(of which two need --deep), all for the weights in --weights. Prints the largest difference of each array,
absolute and relative to the largest golden value, and its limit. Takes four minutes. Exit code 1 if an
array is off, 2 for wrong usage.
"""

import argparse
import sys
from pathlib import Path

from jaxvqa.errors import UserError
from jaxvqa.parity import check_folder
from jaxvqa.weights.assemble import PUBLISHED_PARTS
from jaxvqa.weights.load import load_weights


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path, metavar="GOLDEN_DIR")
    parser.add_argument("--weights", required=True, metavar="DIR", help="made by scripts/convert.py")
    parser.add_argument("--deep", metavar="DIR", help="the same weights, but with the deep fusion MLP")
    parser.add_argument(
        "--videos", type=Path, metavar="DIR", help="folder of the videos that video_*.npz are named after"
    )
    args = parser.parse_args()
    passed = failed = 0
    try:
        loaded = load_weights(args.weights, PUBLISHED_PARTS)
        deep = load_weights(args.deep, ("clip_text", "maxvqa")) if args.deep else None
        for file, comparison in check_folder(args.golden, loaded, args.videos, deep):
            if isinstance(comparison, str):
                print(f"----  {file:46s} {comparison}")
                continue
            passed, failed = passed + comparison.passed, failed + (not comparison.passed)
            limit = (
                "1 level, 1 in 10,000"
                if comparison.fraction
                else f"{comparison.limit:.0e}"
                if comparison.limit
                else "exact"
            )
            print(
                f"{'pass' if comparison.passed else 'FAIL'}  {file:40s} {comparison.array:36s} "
                f"difference {comparison.difference:.1e}, relative {comparison.relative:.1e}, limit {limit}",
                flush=True,
            )
    except UserError as error:
        print(f"check_parity: {error}", file=sys.stderr)
        return 2
    print(f"{passed} arrays within their limits, {failed} not")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
