"""How videos were coded, as their rows have it."""

import json

import numpy as np
import pytest
from clips import moving_clip

from jaxvqa.scoring.coding import coding_facts
from jaxvqa.video.sampling import Sampling
from jaxvqa.video.workers import decode_file, decode_files


def test_facts_are_those_that_the_encoder_was_told(tmp_path):
    told = (
        "qp=30:ipratio=1:pbratio=1.5874:b-adapt=0:bframes=2:b-pyramid=0:keyint=10:min-keyint=10:scenecut=0:open-gop=0"
    )
    path = moving_clip(tmp_path / "clip.mp4", 25, codec_options={"x264-params": told})
    [decoded] = decode_files([str(path)], Sampling())  # in a process of its own: facts cross its boundary
    facts = json.loads(json.dumps(coding_facts(decoded.video.coding), allow_nan=False))
    assert (facts["codec"], facts["profile"], facts["chroma"], facts["bits"]) == ("h264", "High", "4:2:0", 8)
    assert (facts["height"], facts["width"], facts["pixel_aspect"]) == (240, 320, None)
    types = decoded.video.coding.types
    assert {letter: of["frames"] for letter, of in facts["frames"].items()} == {x: types.count(x) for x in "BIP"}
    assert {letter: of["quantizer"] for letter, of in facts["frames"].items()} == {"B": 34, "I": 30, "P": 30}
    total = sum(of["bytes"] for of in facts["frames"].values())
    assert facts["bits_per_second"] == pytest.approx(total * 8, abs=1)
    assert facts["bits_per_pixel"] == pytest.approx(total * 8 / 25 / 240 / 320, abs=1e-6)
    assert facts["key_frames"] == 3
    assert facts["key_distance"] == {"mean": 10, "longest": 10}
    assert facts["b_frames"] == 2
    quantizer = facts["quantizer"]
    assert (quantizer["scale"], quantizer["known_frames"]) == ("H.264 slice QP", 25)
    assert (quantizer["lowest"], quantizer["highest"]) == (30, 34)
    assert quantizer["log2_step"] == pytest.approx((quantizer["mean"] - 4) / 6, abs=1e-3)
    assert any("x264" in words for words in facts["encoder"])


def test_what_is_not_known_is_null(tmp_path):
    path = moving_clip(tmp_path / "clip.webm", 4, codec="libvpx")
    facts = coding_facts(decode_file(str(path), Sampling()).video.coding)
    assert facts["quantizer"] is None
    assert facts["frames"]["I"]["quantizer"] is None
    assert facts["key_distance"] == {"mean": None, "longest": None}
    assert np.isfinite(facts["bits_per_second"])
