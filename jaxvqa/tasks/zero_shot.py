"""The zero-shot task: how well prompts fit videos, by CLIP alone, which was not trained on quality scores.

Source: the semantic affinity quality index, SAQI, of BUONA-VISTA (arXiv:2302.13269).
"""

import sys
from collections.abc import Sequence
from contextlib import closing

import jax.numpy as jnp
import ml_collections
import numpy as np
from jaxtyping import Array, Float
from rich.table import Column, Table
from rich.text import Text

from .. import __version__
from ..errors import UserError
from ..models.clip_text import CLIPText, prompt_tree
from ..models.zero_shot import affinities, unit
from ..results.rows import Row, text_of
from ..results.store import Results
from ..scoring.kept import find_kept, zero_shot_columns
from ..scoring.videos import failure
from ..system.compilation import jitted
from ..system.terminal import Log, printable, table_console
from ..text.prompts import PromptPair, read_pairs
from ..text.tokens import tokenize
from ..video.sampling import Sampling
from ..video.views import Views
from ..video.workers import Decoded, decode_files, noted
from ..weights.find import choose_weights
from ..weights.load import load_weights
from .inputs import decode_limits, find
from .output import print_notes, tell_failures, tell_other_weights


def run(config: ml_collections.ConfigDict) -> int:
    """Scores all videos that `config` names, writes the results and prints the table.

    Returns:
        Exit code: 0, or 1 if a video could not be scored.

    Raises:
        UserError: the config names no videos, no prompts, or no usable weights.
    """
    pairs = read_pairs(config.prompts)
    sampling, limits, log = Sampling(config.seed, rule=config.sampling), decode_limits(config), Log()
    paths = find(config.videos, log)
    loaded = load_weights(choose_weights(config.weights, log), ("clip_visual", "clip_text"))
    if "clip_text" not in loaded.parts:
        raise UserError(
            f"weights {loaded.id} have no text encoder; use those of CLIP, made by `jaxvqa convert --clip RN50.pt`."
        )
    features = text_features(loaded.parts["clip_text"], pairs)
    affinity = jitted(affinities, loaded.parts["clip_visual"])

    names = list(map(str, pairs))
    columns = zero_shot_columns(names)
    with Results(config.output, columns) as results:
        kept = find_kept(results.rows, paths, config.seed, loaded.id, lambda row: row["sampling"] == sampling.rule)
        todo = [path for path in paths if path not in kept]
        scored = {}
        with log.progress("scoring") as bar, closing(decode_files(todo, sampling, limits)) as decoded:
            for video in bar.track(decoded, total=len(todo)):
                whole = video.views.aesthetic if isinstance(video.views, Views) else None
                scores = None if whole is None else np.asarray(affinity(whole, features))
                if scores is not None and not np.isfinite(scores).all():
                    raise UserError(f"weights {loaded.id} give scores that are no numbers: copy or convert them again.")
                scored[video.path] = score_row(video, names, scores, sampling, loaded.id)
                results.add(scored[video.path])
    rows = [kept.get(path) or scored[path] for path in paths]
    failed = tell_failures(rows, log)
    log(f"{len(rows) - len(failed)} of {len(rows)} videos scored; in {results.folder}: scores.csv, scores.jsonl")
    tell_other_weights(results.rows, loaded.id, results.csv_path, log)
    if config.format == "table":
        print_table(rows, [*names, "mean"])
        print_notes(rows)
    else:
        sys.stdout.write(text_of(rows, columns, config.format))
    return 1 if failed else 0


def text_features(text: CLIPText, pairs: Sequence[PromptPair]) -> Float[Array, "2 pairs d"]:
    """Unit features of the good descriptions, and of their opposites."""
    tree = prompt_tree(tokenize([f"a {pair[side]} photo" for side in (0, 1) for pair in pairs]))
    features = jitted(CLIPText.__call__, text)(text.embedding(jnp.asarray(tree.tokens)), tree)
    return unit(features).reshape(2, len(pairs), -1)


def score_row(
    video: Decoded,
    names: Sequence[str],
    scores: Float[np.ndarray, " pairs"] | None,
    sampling: Sampling,
    weights_id: str,
) -> Row:
    """The row of one video; what could not be decoded becomes a row with its error."""
    row: Row = {"path": video.path, "status": failure(video), "weights": weights_id, "jaxvqa": __version__}
    row |= {**video.facts, "seed": sampling.seed, "sampling": sampling.rule, "notes": noted([video])}
    if scores is None:
        return {**row, "error": video.error}
    row |= {name: round(float(score), 6) for name, score in zip(names, scores, strict=True)}
    return {**row, "status": "ok", "mean": round(float(scores.mean()), 6)}


def print_table(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Prints the scores, a video a line, and what they mean."""
    out = table_console()
    table = Table("video", *(Column(Text(printable(name)), justify="right") for name in names), box=None)
    for row in rows:
        scores = [f"{row[name]:.3f}" if row["status"] == "ok" else "-" for name in names]
        table.add_row(Text(printable(row["path"])), *scores)
    out.print(table)
    out.print(
        "Zero-shot: by CLIP alone, which was not trained on scores of quality. From 0 to 1, higher if the positive "
        "prompt fits better; compare videos within a column."
    )
