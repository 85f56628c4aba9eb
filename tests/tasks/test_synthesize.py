import re
from pathlib import Path

from jaxvqa.main import main


def test_command(tmp_path, capfd):
    config = Path(__file__).parents[2] / "configs" / "synthetic.py"
    output = tmp_path / "data" / "synthetic_maxwell"
    assert main(["jaxvqa", f"--config={config}", f"--config.output={output}", "--config.clips=10"]) == 0
    assert len(list((output / "videos").iterdir())) == 10
    assert not list(output.parent.glob(".synthetic*"))
    assert main(["jaxvqa", f"--config={config}", f"--config.output={output}"]) == 2
    assert "already exists" in capfd.readouterr().err


def test_full_disk_is_one_sentence_and_leaves_nothing(small_disk, capfd):
    config = Path(__file__).parents[2] / "configs" / "synthetic.py"
    disk = small_disk("100k")
    assert main(["jaxvqa", f"--config={config}", f"--config.output={disk / 'clips'}", "--config.clips=10"]) == 1
    assert re.fullmatch(
        r"jaxvqa: .*\.mp4: No space left on device; what was finished is kept\.\n", capfd.readouterr().err
    )
    assert not list(disk.iterdir())
