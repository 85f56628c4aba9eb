"""JSON Schemas (draft 2020-12) of what commands write: every column with its type, its range and its meaning."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from ..dimensions import DIMENSIONS, Dimension
from ..errors import UserError
from .rows import DEVIATION, DISPLAY, HIGH, LOW, MOS, POOLED, RAW, STATISTICS

VERSION = 1  # of all schemas, raised whenever a column, its type or its range changes
IDENTIFIER = "https://github.com/jaxvqa/jaxvqa/schemas"

Schema = dict[str, Any]


def field(kind: str, description: str, nullable: bool = True, **limits: Any) -> Schema:
    """The schema of a value of a type of JSON, or of null."""
    return {"type": [kind, "null"] if nullable else kind, "description": description, **limits}


def number(description: str, low: float | None = None, high: float | None = None) -> Schema:
    """The schema of a number within limits, or null."""
    limits = {"minimum": low, "maximum": high}
    return field("number", description) | {name: end for name, end in limits.items() if end is not None}


def count(description: str, low: int = 0) -> Schema:
    """The schema of a whole number, or null."""
    return field("integer", description, minimum=low)


def needed(schema: Schema) -> Schema:
    """The same schema without null."""
    return schema | {"type": schema["type"][0]}


def per_dimension(names: Sequence[str], description: str, low: float = 0, high: float | None = 1) -> dict[str, Schema]:
    """A number in each dimension, by the column that it has there."""
    return {name: number(f"{d.name}: {description}", low, high) for d, name in zip(DIMENSIONS, names, strict=True)}


TEXT = needed(field("string", ""))
CODES = "|".join(d.code for d in DIMENSIONS)
STATISTIC = {name: needed(number(f"{name} over time, on the display scale", 0, 1)) for name in STATISTICS}
STATUS = {"enum": ["ok", "damaged", "error"], "description": "ok; damaged: truncated or corrupt; error: not scored"}
PATH = TEXT | {"description": "the video file"}
ERROR = field("string", "why the video could not be scored; null if it was")
SHA256 = field("string", "SHA-256 of the file", pattern="^[0-9a-f]{64}$")
WEIGHTS = TEXT | {"description": "id of the weights", "minLength": 1}
SEED = needed(count("of the samplings"))
LINES = count("lines of the display that scores of jaxvqa-mini hold for", 1)
SHOWN = {
    "height": count("lines, as the video is shown", 1),
    "width": count("pixels of a line, as the video is shown", 1),
    "fps": field("number", "frames per second", exclusiveMinimum=0),
}
RAW_SCORE = number("raw score, higher is better", 0, 1)
RAW_SCORES = per_dimension(RAW, "raw score, higher is better")
DISPLAY_SCORES = per_dimension(DISPLAY, "score on the display scale, higher is better")
OPINIONS = {
    name: number(f"{d.name}: mean opinion score that people would give, on the scale of the ratings")
    for d, name in zip(DIMENSIONS, MOS, strict=True)
}
OPINIONS |= {name: number("lower end of the 90 % interval of its opinion score") for name in LOW}
OPINIONS |= {name: number("upper end of the 90 % interval of its opinion score") for name in HIGH}
RULE = {"enum": ["whole", "published"], "description": "how frames are drawn"}
JAXVQA = TEXT | {"description": "version of jaxvqa"}
AV = TEXT | {"description": "version of PyAV"}
NOTES = TEXT | {"description": "what was met in showing frames, such as HDR"}

SCORE: dict[str, Schema] = {
    "path": PATH,
    "status": STATUS,
    "error": ERROR,
    **RAW_SCORES,
    **DISPLAY_SCORES,
    **per_dimension(DEVIATION, "standard deviation of raw scores between samplings", 0, None),
    **OPINIONS,
    **{
        name: number(f"overall: {statistic} over time, on the display scale", 0, 1)
        for name, statistic in zip(POOLED, STATISTICS, strict=True)
    },
    "custom": field("object", "raw scores of custom prompts, by pair", additionalProperties=needed(RAW_SCORE)),
    "frames": count("frames of the video", 1),
    **SHOWN,
    "seed": SEED,
    "sampling": RULE,
    "repeats": needed(count("samplings of the video", 1)),
    "dense": field("boolean", "whether every frame was sampled", nullable=False),
    "weights": WEIGHTS,
    "unvalidated": TEXT | {"description": "codes of dimensions in which the weights are not validated"},
    "not_scored": TEXT | {"description": "codes of dimensions that the weights do not score; null there"},
    "sha256": SHA256,
    "display_height": LINES,
    "jaxvqa": JAXVQA,
    "av": AV,
    "notes": NOTES,
    "coding": field("object", "how the video was coded"),
    "samplings": field(
        "array",
        "raw scores of each sampling, dimension by dimension",
        items={"type": "array", "items": RAW_SCORE, "minItems": len(RAW), "maxItems": len(RAW)},
    ),
    "pooled": field(
        "object",
        "statistics over time of every scored dimension, on the display scale",
        propertyNames={"enum": RAW},
        additionalProperties={
            "type": "object",
            "properties": STATISTIC,
            "required": [*STATISTICS],
            "additionalProperties": False,
        },
    ),
}
for codes in ("unvalidated", "not_scored"):
    SCORE[codes] |= {"pattern": f"^(({CODES})( ({CODES}))*)?$"}

MOMENT: dict[str, Schema] = {
    "path": PATH,
    "seed": SEED,
    "weights": WEIGHTS,
    "moment": needed(count("number of the time step; with several samplings, they follow each other")),
    "frame": needed(count("frame that the aesthetic encoder saw")),
    "seconds": number("its time from the first frame on, in seconds", 0),
    "technical_frame": needed(count("frame that the technical encoder saw")),
    "technical_seconds": number("its time from the first frame on, in seconds", 0),
    **RAW_SCORES,
    **DISPLAY_SCORES,
}

LADDER: dict[str, Schema] = {
    "name": TEXT | {"description": "path of the encode within the folder of all"},
    "path": PATH,
    "status": STATUS,
    "error": ERROR,
    "bits_per_second": field("number", "bits of the video stream per second", exclusiveMinimum=0),
    "seconds": field("number", "duration in seconds", exclusiveMinimum=0),
    **SHOWN,
    "codec": field("string", "name of the codec"),
    DISPLAY[0]: DISPLAY_SCORES[DISPLAY[0]],
    f"{DISPLAY[0]}_low": number("lower end of its margin", 0, 1),
    f"{DISPLAY[0]}_high": number("upper end of its margin", 0, 1),
    **{name: OPINIONS[name] for name in (MOS[0], LOW[0], HIGH[0])},
    "compared": field("boolean", "whether it has a part in the answer", nullable=False),
    "vmaf": number("VMAF, compared with the reference that was given", 0, 100),
    "chance_worse": number("probability that it is visibly worse than the best encode", 0, 1),
    "on_hull": field("boolean", "whether it is on the convex hull", nullable=False),
    "chosen": field("boolean", "whether it is the answer", nullable=False),
    "chosen_of_size": field("boolean", "whether it is the answer for its size", nullable=False),
    "warning": TEXT | {"description": "why it has no part in the answer, or that it is a copy"},
    "sha256": SHA256,
    "display_height": LINES,
    "weights": WEIGHTS,
}

VIOLATION: dict[str, Schema] = {
    "path": PATH,
    "rule": TEXT
    | {
        "description": "the rule that the video breaks",
        "pattern": f"^(scored|(min|max_drop) ({'|'.join(RAW)}))$",
    },
    "score": number("on the display scale times 100", 0, 100),
    "limit": number("lowest score that the rule allows, on the display scale times 100", -100, 100),
    "probability": number("probability that the video is worse than its baseline", 0, 1),
    "message": TEXT | {"description": "what is wrong"},
}

SIDES = {"first": number("raw score of the first video", 0, 1), "second": number("raw score of the second video", 0, 1)}
SIDES |= {"difference": number("second minus first", -1, 1)}
COMPARISON: dict[str, Schema] = {
    "name": TEXT | {"description": "what both videos are called"},
    "first": PATH,
    "second": PATH,
    "second_better": number("probability that the second video is better overall", 0, 1),
    **{f"{name}_{side}": schema for name in RAW for side, schema in SIDES.items()},
}

ZERO_SHOT: dict[str, Schema] = {
    **{name: SCORE[name] for name in ("path", "status", "error", "frames", "height", "width", "fps", "seed")},
    **{name: SCORE[name] for name in ("sampling", "weights", "sha256", "jaxvqa", "av", "notes")},
    "mean": number("mean of all prompt pairs", 0, 1),
}

AGREEMENT: dict[str, Schema] = {
    f"{metric}{end}": number(f"{metric.upper()}{said}", low, high)
    for metric, low, high in (("srcc", -1, 1), ("plcc", -1, 1), ("krcc", -1, 1), ("rmse", 0, None))
    for end, said in (("", ""), ("_low", ", lower end of a 95 % interval"), ("_high", ", upper end of a 95 % interval"))
}
DIMENSION = TEXT | {"description": "code of the dimension, prompt pair, or mean"}


SCORED = {"properties": {"status": {"const": "ok"}}}
WHOLE = {"properties": {"error": {"type": "null"}, "custom": {"type": "object"}, "pooled": {"type": "object"}}}
FAILED = {"properties": {"error": {"type": "string"}}}


def scored_as_said(d: Dimension) -> Schema:
    """A condition on rows of scores: a dimension has numbers in scored videos, unless the weights do not score it."""
    scored, missing = (
        {"properties": {name: {"type": kind} for name in (d.column, f"{d.column}_display")}}
        for kind in ("number", "null")
    )
    unscored = {"properties": {"not_scored": {"pattern": f"(^| ){d.code}( |$)"}}}
    return {"if": SCORED, "then": {"if": unscored, "then": missing, "else": scored}, "else": missing}


def rows(columns: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, **more: Any) -> Schema:
    """The schema of a row with these columns, of which only some may be missing, and no other ones."""
    return {
        "type": "object",
        "properties": {**columns, **(optional or {})},
        "required": [*columns],
        "additionalProperties": False,
        **more,
    }


# A prompt pair has " / " between its prompts.
PAIRS = {f"^.+ / .+_{side}$": schema for side, schema in SIDES.items()}
ROWS: dict[str, tuple[str, Schema]] = {
    "score": (
        "A row of scores.jsonl, of score, report, check, compare and ladder",
        rows(SCORE, allOf=[*map(scored_as_said, DIMENSIONS), {"if": SCORED, "then": WHOLE, "else": FAILED}]),
    ),
    "moments": ("A row of moments.csv, with empty cells as null", rows(MOMENT)),
    "compare": ("A row that compare prints or writes", rows(COMPARISON, patternProperties=PAIRS)),
    "ladder": ("A row of ladder.jsonl", rows(LADDER)),
    "check": ("A violation that check prints", rows(VIOLATION)),
    "evaluate": ("A row that evaluate prints", rows({"dimension": DIMENSION, **AGREEMENT}, {"weights": WEIGHTS})),
    "evaluation": (
        "evaluation.json: rows by dimension",
        {"type": "object", "additionalProperties": rows(AGREEMENT, {"weights": WEIGHTS})},
    ),
    "zero-shot": (
        "A row that zero-shot prints or writes",
        rows(ZERO_SHOT, patternProperties={"^.+ / .+$": number("similarity to the first prompt of the pair", 0, 1)}),
    ),
}


def schema(name: str) -> Schema:
    """Returns the JSON Schema (draft 2020-12) of what a command prints or writes, as JSON has it.

    It is that of a row: a line of JSON lines, or an item of the list that `format=json` prints. That of `evaluation`
    is of a whole file.

    Args:
        name: "score", "moments", "compare", "ladder", "check", "evaluate", "evaluation" or "zero-shot".

    Raises:
        UserError: there is no such schema.
    """
    if name not in ROWS:
        raise UserError(f"schema {name!r} does not exist; choose from {', '.join(ROWS)}.")
    title, row = ROWS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{IDENTIFIER}/{VERSION}/{name}.json",
        "title": title,
        **copy.deepcopy(row),  # callers may change what they get
    }
