"""The example: a short clip that comes with the package, to try it on and to compare installations by.

A camera moves over scikit-image's photograph of a cup of coffee (by Rachel Michetti, released under CC0). From the
middle on, the left half is strongly compressed, and the right half out of focus. scripts/make_example.py made it.
"""

from pathlib import Path

EXAMPLE = Path(__file__).with_name("example.mp4")
