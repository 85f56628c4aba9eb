"""Sizes of what the encoders see of a video, and of what they make of it.

Source: FAST-VQA (arXiv:2207.02595, section 3.1, grid mini-patch sampling), MaxVQA (arXiv:2305.12726).
"""

SIDE = 224  # of both views, pixels
GRID, PATCH = 7, 32  # the technical view is a 7x7 grid of 32x32 patches
POSITIONS = GRID * GRID
CLIPS, CLIP_FRAMES = 4, 32
MOMENTS = 64  # frames of the aesthetic view
INTERVAL = 2  # frames between two frames of a clip
