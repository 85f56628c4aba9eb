import shutil

import av
import pytest
from clips import moving_clip

import jaxvqa
from jaxvqa.results.store import Results
from jaxvqa.scoring.videos import score_videos
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling


def test_the_library_scores_many_videos_once(clips, small_weights, tmp_path, capfd):
    model, limits = jaxvqa.load(small_weights), DecodeLimits(workers=1)
    first, second = (shutil.copy(clips / name, tmp_path) for name in ("a.mp4", "b.mp4"))
    with Results(tmp_path / "out") as results:
        rows, kept = score_videos(model, [first], Sampling(), limits, results)
        assert (rows[0]["status"], kept) == ("ok", 0)
        assert rows[0]["overall"] == pytest.approx(model.score(first).overall, abs=2e-6)
    shutil.copy(clips / "b.mp4", first)
    with Results(tmp_path / "out") as results:
        again, kept = score_videos(model, [first, second], Sampling(), limits, results, report=True)
    assert (kept, [row["status"] for row in again]) == (0, ["ok", "ok"])
    assert again[0]["sha256"] == again[1]["sha256"] != rows[0]["sha256"]
    assert (tmp_path / "out" / "report.html").exists()
    with Results(tmp_path / "out") as results:
        assert score_videos(model, [second, first], Sampling(), limits, results).kept == 2
    assert (tmp_path / "out" / "report.html").exists()  # which shows just these scores
    shutil.copy(clips / "a.mp4", first)
    capfd.readouterr()
    with Results(tmp_path / "out") as results:
        [row], _ = score_videos(model, [first], Sampling(), limits, results)
    assert not (tmp_path / "out" / "report.html").exists()
    assert f"{tmp_path / 'out' / 'report.html'} showed earlier scores and was removed" in capfd.readouterr().err
    assert (row["jaxvqa"], row["av"]) == (jaxvqa.__version__, av.__version__)


def test_rows_say_what_was_met_in_showing_frames(small_weights, tmp_path):
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    plain, interlaced = (
        str(moving_clip(tmp_path / f"{name}.mp4", 8, codec_options=codec_options))
        for name, codec_options in (("plain", {}), ("interlaced", options))
    )
    sampling, limits = Sampling(repeats=2), DecodeLimits(workers=1)
    with Results(tmp_path / "out") as results:
        rows, _ = score_videos(
            jaxvqa.load(small_weights), [plain, interlaced, "nowhere.mp4"], sampling, limits, results
        )
    assert [row["notes"] for row in rows] == ["", "interlaced, deinterlaced by bwdif", ""]
    assert [row["status"] for row in rows] == ["ok", "ok", "error"]
    lines = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    assert lines[0].endswith(",notes")
    assert lines[1].endswith(',"interlaced, deinterlaced by bwdif"')
