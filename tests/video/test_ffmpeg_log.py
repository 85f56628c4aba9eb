"""What FFmpeg says of errors is heard, and no more is printed than before."""

import av
import av.logging
from clips import moving_clip

from jaxvqa.video.ffmpeg_log import ffmpeg_errors


def test_errors_are_heard_and_the_level_is_put_back(tmp_path, capfd):
    path = moving_clip(tmp_path / "clip.mkv", 20)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    before = av.logging.get_level()
    with av.open(str(path)) as container, ffmpeg_errors() as errors:
        assert len(list(container.demux())) > 20
    assert errors == []
    path.write_bytes(data)
    with av.open(str(path)) as container, ffmpeg_errors() as errors:
        list(container.demux())
    assert "invalid as first byte of an EBML number" in errors[0]
    assert av.logging.get_level() == before
    assert capfd.readouterr().err == ""
