import pytest

from jaxvqa.cli import main


@pytest.mark.slow
def test_extract_then_evaluate_uses_the_features(tmp_path, capfd):
    data, features = tmp_path / "data", tmp_path / "features"
    assert main(["synthetic", f"--output={data / 'synthetic_maxwell'}", "--clips=15"]) == 0
    bad = data / "synthetic_maxwell" / "videos" / "0004.mp4"
    sound = bad.read_bytes()
    bad.write_bytes(sound[:1000])
    options = [f"--data={data}", f"--features={features}", "--weights=random-small"]
    assert main(["extract", "synthetic_maxwell:validation", *options]) == 1
    err = capfd.readouterr().err
    assert "synthetic_maxwell:validation: 2 of 3 videos have features" in err
    assert "0004.mp4" in err
    bad.write_bytes(sound)
    assert main(["extract", "synthetic_maxwell:validation,synthetic_maxwell:train", *options]) == 0
    written = {path: path.stat().st_mtime_ns for path in features.rglob("*.npy")}
    evaluate = ["--database=synthetic_maxwell:validation", "--resamples=5", f"--output={tmp_path / 'out'}"]
    assert main(["evaluate", *evaluate, *options]) == 0
    assert {path: path.stat().st_mtime_ns for path in features.rglob("*.npy")} == written
