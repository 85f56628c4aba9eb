"""Feeds damaged and hostile files to everything that reads files, videos apart.

    python scripts/fuzz.py [READER ...] [--inputs N] [--seed N]

Takes files as this package writes or accepts them, and malicious ones; changes bytes, cuts, repeats and splices them,
packs archives anew around changed members, changes their directories, inserts operations into pickles, and puts what
does not belong there into fields of JSON. Each reader may accept what comes of it, or refuse it with a sentence of
ours. A checkpoint that is accepted must hold what PyTorch reads in it, if PyTorch reads it as well. Prints for each how
many inputs it accepted, refused, and answered otherwise, the seconds of its slowest input, and the peak of this
process's memory so far. Needs Hypothesis and PyTorch (`pip install -e '.[test]'`). Exit code 1 if a reader answered
otherwise, or ran what was in a file.
"""

import argparse
import contextlib
import io
import json
import os
import pickle
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import torch
from hypothesis import strategies as st

from jaxvqa import UserError
from jaxvqa.datasets.builders import read_maxwell_labels, read_mos_labels
from jaxvqa.datasets.match import match_names
from jaxvqa.dimensions import DIMENSIONS, calibrate, default_prompts
from jaxvqa.evaluation.metrics import evaluate
from jaxvqa.features.store import Features, open_shards, read_index, store_row
from jaxvqa.models.maxvqa import HeadConfig
from jaxvqa.results.rows import DISPLAY, RAW
from jaxvqa.results.store import Results
from jaxvqa.results.table import read_table
from jaxvqa.system.files import file_sha256
from jaxvqa.text.prompts import read_pairs
from jaxvqa.text.tokens import tokenize
from jaxvqa.train import checkpoint
from jaxvqa.upstream import parameter_names
from jaxvqa.upstream.convert import fit_tensors
from jaxvqa.upstream.reader import read_checkpoint
from jaxvqa.video.find import find_videos
from jaxvqa.weights.assemble import flat_shapes
from jaxvqa.weights.directory import DESCRIPTION, TENSORS, save_weights
from jaxvqa.weights.load import load_weights
from jaxvqa.weights.model_card import ModelCard, notice

Tree = dict[str, bytes]  # files of a folder, by name
SIZES = HeadConfig(clip_width=8, technical_width=8, hidden=4, text_width=8)
STORED = HeadConfig(clip_width=8, technical_width=8, hidden=4, prompts=32)
DEEP = "@deep@"  # stands for brackets in brackets, which json would not write
ODD = [
    *(None, True, -1, 0, 3, 0.5, 1e308, 2**31, 2**70, 10**400, float("nan"), float("inf"), DEEP, {}, {"a": 1}),
    *([], [[]], [1, 2, 3], [None], "", "a", "../../a", "\x1b[2J", "\ud800", "\0", "9" * 5000),
]
WORDS = [
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b",",
    b'"',
    b"nan",
    b"inf",
    b"-1",
    b"9" * 400,
    b"1e999",
    b"/",
    b"..",
    b"[" * 9999,
]
# Parts of pickles, which fit together or do not: all operations of one byte, then memories, numbers, texts and names.
PICKLED = [
    *(bytes([operation]) for operation in b"()]}N02taesuRbQ.\x81\x85\x86\x87\x88\x93"),
    *(b"h\0", b"h\1", b"h\5", b"q\0", b"q\5", b"j\xff\xff\xff\xff", b"r\xff\xff\xff\xff", b"\x80\4", b"\x8c\1a"),
    *(b"K\0", b"K\1", b"K\7", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8a\xff" + b"\x7f" * 255),
    *(b"U\1a", b"X\xff\xff\xff\xff", b"G" + b"\x7f" * 8, b"}" * 5000, b")" + b"\x85" * 5000, b"K\1\x85K\1\x85"),
    *(b"cposix\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nload\n", b"c__torch__.a\nB\n)\x81}b", b"ctorch\nSize\n"),
    *(b"ctorch\nHalfStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n)R"),
]
FIELDS = {8: 2, 10: 2, 16: 4, 20: 4, 24: 4, 28: 2, 30: 2, 42: 4}  # of an entry in an archive's directory: where, bytes


class Runs:
    """Pickles to a call that makes a file."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


class RunsOnLoading(torch.nn.Module):
    """TorchScript that would have code run when it is loaded."""

    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.zeros(1))

    @torch.jit.export
    def __getstate__(self):
        return self.x, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        raise RuntimeError("code was run")

    def forward(self) -> torch.Tensor:
        return self.x


@st.composite
def damaged(draw: Callable, trees: list[Tree]) -> Tree:
    """One of some folders with a file in it changed, one to four times."""
    tree = dict(draw(st.sampled_from(trees)))
    name = draw(st.sampled_from(sorted(tree)))
    others = [content for other in trees for content in other.values()]
    for _ in range(draw(st.integers(1, 4))):
        tree[name] = draw(changed(tree[name], others))
    return tree


@st.composite
def changed(draw: Callable, content: bytes, others: list[bytes]) -> bytes:
    """A file's content, changed once, in a way that fits its kind or in none."""
    if content[:4] == b"PK\3\4" and draw(st.booleans()):
        with contextlib.suppress(Exception), zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
            name = draw(st.sampled_from(sorted(members, key=lambda name: ("/data/" in name, name))))
            members[name] = draw(changed(members[name], [*members.values()]))
            return archive_of(members, draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))))
    if content[:4] == b"PK\3\4" and draw(st.booleans()):
        entries = [found.start() for found in re.finditer(b"PK\1\2", content)]
        if entries:
            entry, field = draw(st.sampled_from(entries)), draw(st.sampled_from(sorted(FIELDS)))
            start, end = entry + field, entry + field + FIELDS[field]
            number = int.from_bytes(content[start:end], "little") + draw(st.sampled_from((-64, -1, 1, 7, 64, 1 << 15)))
            return content[:start] + (number % (1 << 8 * (end - start))).to_bytes(end - start, "little") + content[end:]
    if content[:2] == b"\x80\2" and draw(st.booleans()):
        at = draw(st.integers(2, len(content)))
        return content[:at] + draw(st.sampled_from(PICKLED)) + content[at + draw(st.sampled_from((0, 0, 1, 2, 5))) :]
    if content[:1] in (b"{", b"[") and draw(st.booleans()):
        lines = content.splitlines(keepends=True) if b"\n{" in content else [content]
        number = draw(st.integers(0, len(lines) - 1))
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(lines[number])
            places = list(places_in(value))
            if places:
                place, key = draw(st.sampled_from(places))
                place[key] = draw(st.sampled_from(ODD))
            text = json.dumps(value).replace(json.dumps(DEEP), "[" * 99_999)
            lines[number] = text.encode() + lines[number][len(lines[number].rstrip()) :]
            return b"".join(lines)
    at = draw(st.integers(0, len(content)))
    end = min(len(content), at + draw(st.sampled_from((1, 2, 8, 40, 4000))))
    return draw(
        st.one_of(
            st.integers(0, 255).map(lambda byte: content[:at] + bytes([byte]) + content[at + 1 :]),
            st.integers(0, 2**64 - 1).map(
                lambda number: content[:at] + number.to_bytes(8, "little") + content[at + 8 :]
            ),
            st.sampled_from(WORDS).map(lambda word: content[:at] + word + content[at:]),
            st.sampled_from(others).map(lambda other: content[:at] + other[at:]),
            st.sampled_from((content[:at], content[at:], content[:at] + content[end:], content[:end] + content[at:])),
        )
    )


def places_in(value: Any) -> Any:
    """Every field and element of a JSON value, as what it is in and its key."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places_in(value[key])


def archive_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def saved(function: Callable, value: Any, **options: Any) -> bytes:
    """What a function writes to a file."""
    file = io.BytesIO()
    function(value, file, **options)
    return file.getvalue()


def tree_of(folder: Path) -> Tree:
    """The files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_checkpoints(folder: Path) -> list[Tree]:
    shapes = {"prefix": (32, 1, 8), "suffix": (32, 75, 8), "ctx": (1, 1, 8)}
    shapes |= {"implicit_mlp.in_ln.weight": (4, 16), "implicit_mlp.out_ln.weight": (9, 4)}
    state = {key: torch.rand(shape, dtype=torch.float16) for key, shape in shapes.items()}
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    evil = {"state_dict": state, "more": Runs(folder / "ran")}
    whole = torch.arange(24, dtype=torch.bfloat16).reshape(4, 6)
    views = {"whole": whole, "turned": whole.T, "part": whole[1:, ::2], "expanded": whole[:, :1].expand(4, 6)}
    views |= {"none": whole[:0], "number": whole[1, 1], "flags": whole > 3, "wide": torch.zeros(3, dtype=torch.uint32)}
    contents = [
        saved(torch.save, state),
        saved(torch.save, views),
        saved(torch.save, views, _use_new_zipfile_serialization=False),
        saved(torch.save, {"state_dict": state, "srcc": np.float64(0.5), "plcc": np.float32(0.5)}),
        saved(torch.save, state, _use_new_zipfile_serialization=False),
        saved(torch.jit.save, torch.jit.trace(module.eval(), torch.zeros(1, 3))),
        saved(torch.jit.save, torch.jit.script(RunsOnLoading())),
        saved(torch.save, evil),
        saved(torch.save, evil, _use_new_zipfile_serialization=False),
        pickle.dumps(evil["more"], protocol=2),
    ]
    return [{"a.pth": content} for content in contents]


def read_checkpoints(folder: Path) -> None:
    path = folder / "a.pth"
    state = read_checkpoint(path)
    compare(path, state)
    fit_tensors(path, state, parameter_names.maxvqa(False), flat_shapes("maxvqa", SIZES), ("prefix", "suffix"))


def compare(path: Path, state: dict[str, np.ndarray]) -> None:
    """Makes sure that PyTorch reads the same in a checkpoint, or does not read it."""
    expected = None
    with contextlib.suppress(Exception):
        expected = torch.load(path, map_location="cpu", weights_only=True)
    if expected is None:
        with contextlib.suppress(Exception):
            expected = torch.jit.load(path, map_location="cpu").state_dict()
    if expected is None:
        return
    expected = expected["state_dict"] if isinstance(expected.get("state_dict"), dict) else expected
    if state.keys() != expected.keys():
        raise AssertionError(f"{[*state]} are read, where PyTorch reads {[*expected]}")
    for key, tensor in expected.items():
        known = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
        if tuple(tensor.shape) != state[key].shape or known.tobytes() != state[key].tobytes():
            raise AssertionError(f"{key} is read otherwise than by PyTorch")


def make_weights(folder: Path) -> list[Tree]:
    generator, trees = np.random.default_rng(0), []
    scale, quantiles = calibrate(generator.uniform(size=(9, 16)))
    card = ModelCard(
        databases=("nothing",),
        synthetic=True,
        dimensions=tuple(d.code for d in DIMENSIONS),
        label_low=np.zeros(16),
        label_high=np.full(16, np.nan),
        scale=scale,
        quantiles=quantiles,
        name="tiny",
        limits="none",
        validated=("O",),
    )
    for name, config, known in (("plain", SIZES, None), ("stored", STORED, card)):
        arrays = {key: generator.random(s, np.float32) for key, s in flat_shapes("maxvqa", config).items()}
        save_weights(folder / name, arrays, {"maxvqa": config}, default_prompts(), [], known)
        trees.append(tree_of(folder / name))
    return trees


def read_weights(folder: Path) -> None:
    tensors = folder / TENSORS
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):  # a hostile file has the right checksum
        description = json.loads((folder / DESCRIPTION).read_bytes())
        description["tensors"] |= {"bytes": tensors.stat().st_size, "sha256": file_sha256(tensors)}
        (folder / DESCRIPTION).write_text(json.dumps(description))
    notice(load_weights(folder).card)


def make_scores(folder: Path) -> list[Tree]:
    rows = [[f"{i}.mp4", *(f"{(i * 7 + j) % 11 / 11:.4f}" for j in range(16))] for i in range(5)]
    codes = [dimension.code for dimension in DIMENSIONS]
    named = "\n".join(",".join(row) for row in [["filename", *codes], *rows]) + "\n"
    bare = "\n".join(",".join(row) for row in [codes, *(row[1:] for row in rows)]) + "\n"
    listed = "".join(f"{row[0]}, -1, -1, {row[1]}\n" for row in rows)
    texts = {"a.csv": named, "b.csv": bare, "b.txt": listed}
    spreadsheet = str.maketrans({",": ";", ".": ","})
    return [
        {name: text.encode() for name, text in texts.items()},
        {name: text.translate(spreadsheet).replace(",mp4", ".mp4").encode("utf-16") for name, text in texts.items()},
        {
            name: '"{}"'.format(text[:-1].replace(", ", ",").replace(",", '","').replace("\n", '"\r"')).encode()
            for name, text in texts.items()
        },
    ]


def read_score_tables(folder: Path) -> None:
    predictions, labels = read_table(folder / "a.csv"), read_table(folder / "b.csv", folder / "b.txt")
    read_maxwell_labels(folder / "b.csv", folder / "b.txt")
    evaluate(predictions, labels, 2, 0)


def make_lists(folder: Path) -> list[Tree]:
    return [
        {"labels.txt": b"name,votes,mos\na.mp4,3.5\nb, b.mp4, 1, 2.25\n", "videos.txt": b"a.mp4\n\nb/c.mkv\n/d.mp4\n"}
    ]


def read_lists(folder: Path) -> None:
    names, _ = read_mos_labels(folder / "labels.txt")
    match_names(names, folder)
    find_videos(str(folder / "videos.txt"))


def make_results(folder: Path) -> list[Tree]:
    results = Results(folder / "results")
    for path in ("a.mp4", "b.mp4"):
        facts = {"path": path, "status": "ok", "seed": 0, "weights": "abc", "custom": {"good / bad": 0.5}, "fps": 29.97}
        results.add(dict.fromkeys((*RAW, *DISPLAY), 0.25) | facts | {"repeats": 1})
    results.close()
    tree = tree_of(folder / "results")
    return [{"scores.jsonl": tree["scores.jsonl"]}]


def read_results(folder: Path) -> None:
    Results(folder).close()


def make_features(folder: Path) -> list[Tree]:
    (folder / "features").mkdir()
    for shard in range(2):
        for row in range(2):
            values = np.full((64, 49, 1), row, np.float16)
            store_row((folder / f"features/shard-0-{shard}.npy", row, 3), f"{row}.mp4", f"{row:064x}", values)
    return [tree_of(folder / "features")]


def read_features(folder: Path) -> None:
    rows = [*read_index(folder).values()]
    if rows:
        Features(rows, [""] * len(rows)).read(range(len(rows)))
    next(open_shards(folder, 0, 1))


def make_words(folder: Path) -> list[Tree]:
    return [{"words": "cinematic / amateurish; lebhaft / trüb; 明るい / 暗い".encode()}]


def read_words(folder: Path) -> None:
    for pair in read_pairs((folder / "words").read_text("utf-8", "surrogateescape")):
        tokenize(pair)


STATE = {"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}, "c": np.zeros(3, np.float32)}


def make_training(folder: Path) -> list[Tree]:
    with checkpoint.open_checkpoints(folder / "training") as manager:
        checkpoint.save(manager, 1, STATE, {"settings": {}, "best_epoch": 1, "history": [{"epoch": 1}]})
    return [tree_of(folder / "training")]


def read_training(folder: Path) -> None:
    with checkpoint.open_checkpoints(folder) as manager:
        if checkpoint.read_record(manager):
            checkpoint.read_arrays(manager, STATE)


READERS = {  # what makes their files, what reads them, and their share of the inputs
    "checkpoints": (make_checkpoints, read_checkpoints, 5),
    "weights": (make_weights, read_weights, 3),
    "tables of scores": (make_scores, read_score_tables, 4),
    "lists and labels": (make_lists, read_lists, 2),
    "results": (make_results, read_results, 2),
    "features": (make_features, read_features, 2),
    "words": (make_words, read_words, 1),
    "trainings": (make_training, read_training, 1),
}


def fuzz(reader: str, inputs: int, seed: int = 0) -> tuple[Counter, float, list[str]]:
    """Feeds a reader.

    Returns:
        How many inputs were accepted, refused, and answered otherwise; the seconds of the slowest; and what those of
        the last kind were answered.
    """
    make, read, _ = READERS[reader]
    counts, slowest, others = Counter(accepted=0, refused=0, other=0), 0.0, []
    with tempfile.TemporaryDirectory() as scratch:
        target, ran = Path(scratch, "target"), Path(scratch, "ran")
        trees = make(Path(scratch))

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=inputs,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(damaged(trees))
        def feed(tree):
            nonlocal slowest
            shutil.rmtree(target, ignore_errors=True)
            for name, content in tree.items():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(content)
            began = time.perf_counter()
            try:
                with warnings.catch_warnings(action="ignore"):
                    read(target)
                counts["accepted"] += 1
            except UserError:
                counts["refused"] += 1
            except Exception:
                others.append(traceback.format_exc())
            slowest = max(slowest, time.perf_counter() - began)

        feed()
        if ran.exists():
            others.append("what was in a file was run")
    counts["other"] = len(others)
    return counts, slowest, others


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", choices=[*READERS, []], help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=20_000, metavar="N", help="for all readers together")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    args = parser.parse_args()
    readers = args.readers or [*READERS]
    shares = sum(READERS[reader][2] for reader in readers)
    print(f"{'reader':18s}{'inputs':>8s}{'accepted':>10s}{'refused':>9s}{'else':>6s}{'slowest':>10s}{'memory':>10s}")
    total: Counter = Counter()
    for reader in readers:
        counts, slowest, others = fuzz(reader, -(-args.inputs * READERS[reader][2] // shares), args.seed)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        numbers = f"{sum(counts.values()):8d}{counts['accepted']:10d}{counts['refused']:9d}{counts['other']:6d}"
        print(f"{reader:18s}{numbers}{slowest:8.2f} s{memory:7.2f} GB", flush=True)
        for answer in {other.strip().splitlines()[-1]: other for other in others}.values():
            print(answer, file=sys.stderr)
        total += counts
    print(f"{'all':18s}{sum(total.values()):8d}{total['accepted']:10d}{total['refused']:9d}{total['other']:6d}")
    return 1 if total["other"] else 0


if __name__ == "__main__":
    sys.exit(main())
