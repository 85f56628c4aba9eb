"""What is wrong with a config is said here, before what computes is imported, which takes seconds."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import ml_collections

from ..datasets.databases import split_spec
from ..errors import UserError, check_lowest
from ..evaluation.gate import read_limits
from ..text.prompts import read_pairs
from ..upstream.together import check_together
from ..video.find import check_source
from ..video.sampling import Sampling
from ..weights.directory import HOW_TO_GET, check_free, read_description
from ..weights.find import UNTRAINED, default_weights, find_weights
from .inputs import decode_limits, sampling
from .train_inputs import cluster, train_settings

TRAININGS = ("train", "cross", "ablate", "finetune")
NO_VIDEOS = "no videos given: name a file, a folder, a glob or a list (.txt)"
LOWEST = {"folds": 2, "resamples": 1, "seeds": 1, "max_megabytes": 1, "max_seconds": 1}
NAMED = ("baseline", "labels", "label_names", "predictions", "reference")  # fields that name a file


def check(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if a task cannot run with its config: nothing to work on, values out of range, no weights."""
    check_given(config)
    check_ranges(config)
    check_files(config)
    check_weights(config)


def check_given(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if a task has nothing to work on."""
    match config.task:
        case "score":
            if config.example and config.videos:
                raise UserError("example scores the clip that comes with jaxvqa: leave it out, or name no videos.")
            if not (config.example or config.videos):
                raise UserError(f"{NO_VIDEOS}, or choose the example.")
        case "score_many" | "zero_shot" if not config.videos:
            raise UserError(f"{NO_VIDEOS}.")
        case "compare" if not (config.first and config.second):
            raise UserError("nothing to compare: give two videos or two folders.")
        case "ladder" if not config.videos:
            raise UserError("nothing to choose from: give two or more encodes of one video.")
        case "check":
            check_rules(config)
        case "evaluate":
            tables, model = (config.predictions, config.labels), (config.weights, config.database)
            if not ((all(tables) and not config.database) or (all(model) and not any(tables))):
                raise UserError("nothing to evaluate: give predictions and labels, or weights and a database.")
        case "train" | "ablate" if not (config.data.train and config.data.validation):
            raise UserError("nothing to train on: data.train and data.validation must name databases.")
        case "cross" if not config.data.train:
            raise UserError("nothing to train on: data.train must name databases.")
        case "finetune" if not (config.labels and config.folder):
            raise UserError("nothing to train on: labels must name a CSV, and folder a folder with its videos.")
        case "extract" if not config.databases:
            raise UserError("no databases given: name one or more, such as maxwell:train.")
        case "export" if not config.output:
            raise UserError("no output given: name a folder that does not exist yet.")
        case "convert":
            check_together(config.fastvqa, config.clip, config.maxvqa, config.swin)


def check_rules(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError for settings that make no gate."""
    if not config.videos:
        raise UserError(f"{NO_VIDEOS}.")
    lowest, drops = read_limits(config.min, "min"), read_limits(config.max_drop, "max_drop", "overall")
    if not (lowest or drops):
        raise UserError("no rules given: set min (overall=50), or max_drop (5) with a baseline (scores.csv).")
    if bool(drops) != bool(config.baseline):
        raise UserError("max_drop and baseline go together: the scores of an earlier run, and how far they may fall.")
    if config.baseline and Path(config.output).resolve() in Path(config.baseline).resolve().parents:
        raise UserError(f"baseline {config.baseline} is in the output folder, where this run writes: choose another.")
    if config.junit and not Path(config.junit).absolute().parent.is_dir():
        raise UserError(f"junit is {config.junit}, in a folder that does not exist: make it first.")


def check_ranges(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if a value is out of its range, or does not go with another one."""
    check_lowest(config, **{name: low for name, low in LOWEST.items() if name in config})
    if "repeats" in config:
        sampling(config)
    elif "sampling" in config:
        Sampling(config.seed, rule=config.sampling)
    if "decode_seconds" in config:
        decode_limits(config)
    if "prompts" in config and not read_pairs(config.prompts) and config.task == "zero_shot":
        raise UserError("no prompts given: name a pair, such as 'good / bad'.")
    if "port" in config and not 0 <= config.port <= 65535:
        raise UserError(f"port is {config.port}; it must be from 0 to 65535.")
    if "confidence" in config and not 0.5 < config.confidence < 1:
        raise UserError(f"confidence is {config.confidence:g}; it must be above 0.5 and below 1.")
    if "cluster" in config:
        cluster(config)
    if config.task in TRAININGS:
        settings = train_settings(config)
        if config.task in ("cross", "finetune"):
            settings.check_nothing_chosen()


def check_files(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if files or databases are not there, or a folder that a task makes is."""
    for source in sources(config):
        check_source(source)
    for name in NAMED:
        if name in config and config[name] and not os.path.lexists(config[name]):
            raise UserError(f"{name} {config[name]} does not exist.")
    if config.task == "download" and not re.match(r"https?://", config.source) and config.source:
        check_source(config.source)
    for spec in databases(config):
        split_spec(spec)
    if config.task in ("export", "convert"):
        check_free(config.output)


def check_weights(config: ml_collections.ConfigDict) -> None:
    """Raises a UserError if weights are not there, or there are none to take by default."""
    given = config.get("weights")
    if given:
        if given not in UNTRAINED:
            read_description(find_weights(given))
    elif config.task == "zero_shot" and default_weights() == "mini":  # which has no CLIP
        raise UserError(
            "no weights given: run `jaxvqa download`, or name a directory made by `jaxvqa convert --clip RN50.pt`."
        )
    elif config.task in ("extract", "train", "cross", "ablate"):
        raise UserError(f"no weights given: name a directory, maxvqa or mini; to get some, {HOW_TO_GET}.")


def sources(config: ml_collections.ConfigDict) -> Sequence[str]:
    """Files, folders, globs and lists that a user names."""
    videos = config.get("videos") or []
    given = [videos] if isinstance(videos, str) else [*videos]
    return [*given, *filter(None, (config.get("first"), config.get("second")))]


def databases(config: ml_collections.ConfigDict) -> Sequence[str]:
    """The databases that a user names, such as "maxwell:train"."""
    data = config.get("data")
    fields = [config.get("databases"), config.get("database")]
    if config.task in TRAININGS and config.task != "finetune" and isinstance(data, ml_collections.ConfigDict):
        fields += [data.train, data.validation, data.test]
    return [spec for field in fields if field for spec in field.split(",") if spec]
