"""Explanations: whether what is shown of a video is where, when and how the numbers say."""

import dataclasses
import re
from fractions import Fraction
from html.parser import HTMLParser
from types import SimpleNamespace

import av
import numpy as np
import pytest
from clips import moving_clip, write_clip
from PIL import Image, ImageFilter

import jaxvqa
from jaxvqa.dimensions import PERCENTS, calibrate
from jaxvqa.explain.explanation import Explanation, ordinal, region
from jaxvqa.explain.locations import TECHNICAL, boxes, locate
from jaxvqa.explain.report import Entry, colours, page, section
from jaxvqa.video.decode import open_video, read_frames
from jaxvqa.video.sampling import Sampling, draw_plan
from jaxvqa.video.views import enlarge, video_views

NAMES = [dimension.name for dimension in jaxvqa.DIMENSIONS]
SHARPNESS, CONTENT = NAMES.index("sharpness"), NAMES.index("content")


@pytest.fixture(scope="module")
def model(released_weights):
    return jaxvqa.load(released_weights)


@pytest.fixture(scope="module")
def explained(model, tmp_path_factory):
    return model.explain(moving_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 280, 240, 320))


def lossless(path, frames):
    """Frames in a file from which they come back bit by bit."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "rgb24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_patches_and_frames_are_where_a_real_clip_was_blurred_and_frozen(shared, tmp_path):
    original = open_video(shared / "videos" / "10053703034.mp4")
    before = np.stack([frame for _, frame in read_frames(original, np.arange(75))])
    height, width = before.shape[1:3]
    after = before.copy()
    after[25:50] = after[25]  # the middle second
    quarter = (slice(height // 2, None), slice(width // 2, None))
    for frame in after:
        blurred = Image.fromarray(frame[quarter]).filter(ImageFilter.GaussianBlur(6))
        frame[quarter] = blurred
    video = open_video(lossless(tmp_path / "after.mkv", after))
    plan = Sampling().plans(video)[0]
    where, views = locate(video, [plan]), video_views(video, plan)
    blurred, sharp, frozen = 0, 0, 0
    for moment in range(64):
        number = where.frames[1, moment]
        assert video.seconds[number] == pytest.approx(number / 25, abs=0.0005)  # Matroska counts milliseconds
        patches = views.technical[2 * moment].reshape(7, 32, 7, 32, 3).swapaxes(1, 2).reshape(49, 32, 32, 3)
        for (left, top, w, h), patch in zip(where.patches[moment].astype(int), patches, strict=True):
            assert (w, h) == (32, 32)
            place = (slice(top, top + 32), slice(left, left + 32))
            assert np.array_equal(patch, after[number][place])
            source = before[25 if 25 <= number < 50 else number][place]
            if left + 32 <= width // 2 or top + 32 <= height // 2:
                assert np.array_equal(patch, source)
                sharp += 1
            elif left >= width // 2 and top >= height // 2 and source.std() > 10:
                assert np.diff(patch.astype(float), axis=1).std() < np.diff(source.astype(float), axis=1).std()
                blurred += 1
        frozen += 25 < number < 50
    assert min(blurred, sharp, frozen) > 5
    for moment, number in enumerate(where.frames[0]):
        assert video.seconds[number] == pytest.approx(number / 25, abs=0.0005)
        squeezed = views.aesthetic[moment].astype(float)
        for position in (0, 24, 48):
            left, top, w, h = where.cells[position]
            cell = after[number][round(top) : round(top + h), round(left) : round(left + w)]
            row, column = divmod(position, 7)
            seen = squeezed[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            assert np.abs(seen.mean(axis=(0, 1)) - cell.mean(axis=(0, 1))).max() < 6


def test_patches_of_a_small_frame_are_in_its_own_pixels(tmp_path):
    video = open_video(moving_clip(tmp_path / "small.mp4", 40, 120, 160))
    plan = draw_plan(0, "small.mp4", 40, 120, 160)
    where = locate(video, [plan])
    left = plan.column_offsets[0, 0, 0] * 160 / 298  # the frame is enlarged to 298x224
    np.testing.assert_allclose(where.patches[0, 0], [left, 0, 32 * 160 / 298, 32 * 120 / 224])
    assert (where.patches[..., 0] + where.patches[..., 2] <= 160).all()
    assert (where.patches[..., 1] + where.patches[..., 3] <= 120).all()
    frame = next(read_frames(video, np.array([0])))[1]
    assert enlarge(frame).shape == (224, 298, 3)


def test_times_are_those_of_the_file(tmp_path):
    ticks = [0, 1, 2, 10, 11, 12, 40]
    with av.open(str(tmp_path / "uneven.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "2"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 6 * tick, np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick + 5, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    np.testing.assert_allclose(open_video(tmp_path / "uneven.mkv").seconds, np.array(ticks) / 10, atol=0.001)
    raw = write_clip(tmp_path / "raw.h264", np.zeros((5, 64, 96, 3), np.uint8), fps=20)  # has no times
    video = open_video(raw)
    np.testing.assert_allclose(np.diff(video.seconds), 1 / video.fps)


def crafted(explained, local):
    """An explanation of the same video with other local scores."""
    raw = local.mean(axis=(0, 1))
    card = dataclasses.replace(explained.card, validated=tuple(d.code for d in jaxvqa.DIMENSIONS))
    return dataclasses.replace(explained, scores=SimpleNamespace(local=local, raw=raw, display=raw), card=card)


def test_sentences_say_what_when_and_where(explained):
    local = np.full((64, 49, 16), 0.5)
    local[..., SHARPNESS] = 0.46
    local[20:24, [40, 41, 47, 48], SHARPNESS] = 0.05  # two rows and columns at the lower right
    e = crafted(explained, local)
    start, *_, end = e.video.seconds[e.places.frames[1, 20:24]]
    assert e.weakest[0] == SHARPNESS
    assert e.worst(SHARPNESS) == (20, (start, end), "lower right")
    first = e.sentences[0]
    assert re.match(r"Weakest: sharpness \(\d+(st|nd|rd|th) percentile\), \w+ \(", first)
    assert first.endswith(f"the former is worst between {start:.1f} s and {end:.1f} s, lower right.")

    local[..., CONTENT] = 0.4
    local[10, :, CONTENT] = 0.1
    e = crafted(explained, local)
    at = e.video.seconds[e.places.frames[0, 10]]
    assert e.weakest[0] == CONTENT
    assert e.worst(CONTENT) == (10, (at, at), "")
    assert e.sentences[0].endswith(f"the former is worst at {at:.1f} s.")

    local[..., CONTENT] = 0.4
    local[:, [0, 1, 7, 8], CONTENT] = 0.1
    e = crafted(explained, local)
    assert e.worst(CONTENT)[1:] == (None, "upper left")
    assert e.sentences[0].endswith("the former is worst at the upper left.")


def test_a_worst_time_ends_where_the_encoder_did_not_look(explained):
    frames = 18000
    video = dataclasses.replace(explained.video, frames=frames, seconds=np.arange(frames) / 30)
    plan = draw_plan(0, "long.mp4", frames, video.height, video.width)
    local = np.full((64, 49, 16), 0.5)
    local[16:48, ..., [SHARPNESS, CONTENT]] = 0.2  # two clips of two seconds, more than a minute apart
    e = dataclasses.replace(crafted(explained, local), video=video, plans=[plan])
    assert e.worst(SHARPNESS).seconds == tuple(plan.technical_indices[[32, 62]] / 30)
    assert e.worst(CONTENT).seconds == tuple(plan.aesthetic_indices[[16, 47]] / 30)


def test_what_does_not_vary_is_not_spoken_of(explained):
    e = crafted(explained, np.full((64, 49, 16), 0.45))
    assert e.worst(SHARPNESS)[1:] == (None, "")
    assert "worst" not in e.sentences[0]
    assert len(e.sentences) == 1
    good = crafted(explained, np.full((64, 49, 16), 0.69))
    assert good.sentences[1] == "None of these is below the middle of the videos it is compared with."


def test_only_validated_single_dimensions_are_called_weak(explained):
    codes = {jaxvqa.DIMENSIONS[i].code for i in explained.weakest}
    assert codes == {"T-1", "T-3"}  # all that these weights were validated in
    unknown = dataclasses.replace(explained, card=None)
    assert not {jaxvqa.DIMENSIONS[i].code for i in unknown.weakest} & {"O", "A-all", "T-all"}
    assert len(unknown.weakest) == 3
    card = dataclasses.replace(explained.card, databases=("konvid_1k",), synthetic=False, dimensions=("O", "T-2"))
    rated = dataclasses.replace(explained, card=dataclasses.replace(card, name="", limits="", validated=None))
    assert [jaxvqa.DIMENSIONS[i].code for i in rated.weakest] == ["T-2"]  # the only one that had labels
    assert "Never trained (*): A-1, " in jaxvqa.report([rated])
    assert "the former" not in rated.sentences[0]
    none = dataclasses.replace(explained, card=dataclasses.replace(explained.card, validated=()))
    assert (none.weakest, none.sentences) == ([], [])
    assert "The worst moments" not in jaxvqa.report([none])


def test_regions():
    names = [["upper left", "top", "upper right"], ["left", "centre", "right"], ["lower left", "bottom", "lower right"]]
    for i, rows in enumerate((slice(0, 2), slice(2, 5), slice(5, 7))):
        for j, columns in enumerate((slice(0, 2), slice(2, 5), slice(5, 7))):
            scores = np.ones((7, 7))
            scores[rows, columns] = 0
            assert region(scores, 0.5) == names[i][j]
    assert region(np.ones((7, 7)), 0.5) == ""


def test_percentiles_are_of_the_reference(explained):
    scores = np.linspace(0.2, 0.8, 101)[:, None].repeat(16, axis=1)
    scale, quantiles = calibrate(scores)
    card = dataclasses.replace(explained.card, scale=scale, quantiles=quantiles)
    for percent in (0, 5, 37, 100):
        raw = np.full(16, 0.2 + 0.006 * percent)
        e = dataclasses.replace(explained, scores=SimpleNamespace(raw=raw), card=card)
        np.testing.assert_allclose(e.percentiles, percent, atol=1e-6)
    assert [ordinal(x) for x in (0, 1.4, 2, 3, 4, 11, 12, 13, 21, 92, 100)] == (
        "1st 1st 2nd 3rd 4th 11th 12th 13th 21st 92nd 99th".split()
    )


def test_published_model_is_compared_with_its_own_scores_of_maxwell(explained, shared):
    table = np.genfromtxt(shared / "maxwell" / "published_val_predictions.csv", delimiter=",", skip_header=1)[:, 1:]
    for row in (3, 400, 908):
        e = dataclasses.replace(explained, scores=SimpleNamespace(raw=table[row]), card=None)
        below = 100 * (table < table[row]).mean(axis=0)
        assert np.abs(e.percentiles - below).max() < 2.5
    assert len(PERCENTS) == 21


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser takes them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


BAD_NAMES = [
    "<script>alert(1)</script>.mp4",
    '" onmouseover="alert(1)" x=\'.mp4',
    "two\nlines\r\t.mp4",
    "Überraschung 🎬 影片.mp4",
    b"caf\xe9.mp4".decode("utf-8", "surrogateescape"),
    "{{ 7 * 7 }}{% raw %}&lt;b&gt;.mp4",
    250 * "x" + ".mp4",
]


def test_bad_names_are_text(explained):
    part = section(explained)
    scores = explained.scores.display.tolist()
    entries = [*(Entry(name, scores, lambda: part) for name in BAD_NAMES), Entry("<b>", error="<i>no</i>")]
    html = "".join(page(entries, explained.card))
    html.encode("utf-8")
    found = Page(html)
    assert found.tags.count("script") == 1
    assert not {"b", "i"} & {tag for tag in found.tags if tag == "i" and "<i>no" in html}
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    text = "".join(found.text)
    assert "<script>alert(1)</script>.mp4" in text
    assert "two\ufffdlines\ufffd\ufffd.mp4" in text
    assert "Überraschung 🎬 影片.mp4" in text
    assert "caf\ufffd.mp4" in text
    assert "{{ 7 * 7 }}{% raw %}&lt;b&gt;.mp4" in text
    assert "<i>no</i>" in text


def test_a_page_needs_nothing_else(explained):
    html = jaxvqa.report([explained])
    links = [value for name, value in Page(html).attributes if name in ("src", "href")]
    assert len(links) == 1 + 16 + len(explained.weakest)
    assert all(value.startswith("data:image/") for value in links)
    assert not re.search(r"url\(|@import|https?://", html)
    assert "tiny: knows nothing. Dimensions with * are not validated." in html
    assert explained.sha256 in html
    assert explained.weights_id in html


def test_several_explanations_are_one_page(explained, model):
    other = model.explain(explained.path, seed=1)
    html = jaxvqa.report([explained, other])
    assert Page(html).tags.count("details") == 2 * 2
    for e in (explained, other):
        assert section(e) in html
    for wrong in ([], [explained, dataclasses.replace(other, weights_id="another")]):
        with pytest.raises(jaxvqa.UserError, match="they must be by the same"):
            jaxvqa.report(wrong)


def test_boxes_of_a_picture_are_those_of_its_dimension(explained):
    moment = explained.worst(SHARPNESS).at  # each frame is that of one moment
    html = section(explained)
    shown = [
        tuple(map(float, box)) for box in re.findall(r'<rect x="(.+?)" y="(.+?)" width="(.+?)" height="(.+?)"', html)
    ]
    expected = sorted(boxes(explained.places, SHARPNESS, moment).round(1).tolist())
    first = 49 * [jaxvqa.DIMENSIONS[i].name for i in explained.weakest].index("sharpness")
    np.testing.assert_allclose(shown[first : first + 49], expected)
    number = explained.places.frames[1, moment]
    assert f"{explained.video.seconds[number]:.2f} s, frame {number}" in html
    assert TECHNICAL[SHARPNESS]
    assert not TECHNICAL[CONTENT]


def test_colours_get_brighter_with_the_score():
    shades = colours(np.linspace(0, 1, 11)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(shades) > 5).all()


def test_a_report_of_200_videos_is_small(model, shared):
    e = model.explain(shared / "videos" / "10053703034.mp4")
    three = dataclasses.replace(e, card=None)
    assert len(three.weakest) == 3
    part = section(three)
    entries = [Entry(f"{i}.mp4", e.scores.display.tolist(), lambda: part) for i in range(200)]
    parts = [len(text.encode()) for text in page(entries, None)]
    assert sum(parts) < 30e6
    assert max(parts) < 1e6  # one video at a time


def test_explaining_scores_the_same(model, explained, tmp_path):
    assert isinstance(explained, Explanation)
    scores = model.score(explained.path)
    assert np.array_equal(scores.local, explained.scores.local)
    assert explained.weights_id == model.weights_id
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(jaxvqa.VideoError, match="cannot be opened as a video"):
        model.explain(broken)
    with pytest.raises(jaxvqa.UserError, match="seed is -1"):
        model.explain(explained.path, -1)
    with pytest.raises(jaxvqa.UserError, match="repeats is 0"):
        model.explain(explained.path, repeats=0)
    with pytest.raises(jaxvqa.UserError, match="leave repeats at 1"):
        model.explain(explained.path, repeats=2, dense=True)


def test_several_samplings_are_explained_together(model, tmp_path):
    path = moving_clip(tmp_path / "short.mp4", 40, 240, 320)  # so short that the clips of a sampling share frames
    e = model.explain(path, repeats=2)
    assert e.scores.local.shape == (128, 49, 16)
    np.testing.assert_allclose(e.scores.raw, (model.score(path, 0).raw + model.score(path, 1).raw) / 2, atol=1e-6)
    series = e.timeline(SHARPNESS)
    assert (np.diff(series.frames) > 0).all()
    moments = np.flatnonzero(e.places.frames[1] == series.frames[7])
    assert len(moments) > 1
    assert series.raw[7, SHARPNESS] == pytest.approx(e.scores.local[moments, :, SHARPNESS].mean(), abs=1e-6)
    assert "2, drawn from seed 0" in section(e)


def test_dense_explanations_cover_the_video_to_the_pixel_and_the_frame(model, tmp_path):
    video = open_video(moving_clip(tmp_path / "clip.mp4", 70, 240, 320))
    e = model.explain(video.path, dense=True)
    seen = np.zeros((70, 240, 320), bool)
    for plan in e.plans:
        for clip in range(4):
            where = locate(video, [plan]).patches[16 * clip].round().astype(int)
            for left, top, width, height in where:
                seen[plan.technical_indices[32 * clip : 32 * clip + 32], top : top + height, left : left + width] = True
    assert seen.any(axis=(1, 2)).all()
    assert seen.any(axis=0)[: 240 // 7 * 7, : 320 // 7 * 7].all()
    assert set(e.places.frames[0]) == set(range(70))
    assert e.scores.local.shape == (64 * len(e.plans), 49, 16)
    np.testing.assert_allclose(e.scores.raw, e.scores.local.mean(axis=(0, 1), dtype=float), atol=1e-6)
    assert np.array_equal(model.explain(video.path, seed=5, dense=True).scores.raw, e.scores.raw)
    assert f"{len(e.plans)}, which cover every frame and the whole grid" in section(e)
