"""Shows scores, timelines and maps of one video, or of two side by side, on a page in the browser.

    pip install -e '.[demo]'
    python -m jaxvqa.main --config configs/demo.py

Prints the page's address; Ctrl-C ends it. The page loads nothing from elsewhere, and videos stay on this machine: they
are kept in a temporary folder for an hour at most. One job runs at a time, the others wait.
"""

import ml_collections

from jaxvqa.tasks.defaults import decoding_config


def get_config() -> ml_collections.ConfigDict:
    config = decoding_config()
    config.task = "demo"
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory, of a training for example
    config.seed = 0  # decides which frames and patches are looked at
    config.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames
    config.precision = "float32"  # or bfloat16: faster on most GPUs, but raw scores move by about 0.01
    config.host = "127.0.0.1"  # this machine alone; 0.0.0.0 lets in whoever can reach it, without a password
    config.port = 7860  # 0, any that is free
    config.max_megabytes = 500  # of an upload
    config.max_seconds = 600  # of a video
    config.workers = 1
    return config
