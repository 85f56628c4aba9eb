"""One file a command, and the table of all commands."""

from typing import Any, NamedTuple


class Task(NamedTuple):
    """Something that a user runs.

    Attributes:
        command: its name in the console, of one word, or of two, such as "train quickstart".
        config: name of its config file.
        module: name of the module of this folder that runs it, which the config's field `task` names as well.
        help: what it does, in a few words.
        positional: fields that the console takes without their names.
        fixed: fields that the command sets, and their values.
    """

    command: str
    config: str
    module: str
    help: str
    positional: tuple[str, ...] = ()
    fixed: tuple[tuple[str, Any], ...] = ()


TASKS = (
    Task("score", "score", "score", "score videos in 16 quality dimensions", ("videos",)),
    Task(
        "score-many",
        "score_many",
        "score_many",
        "score very large collections, on one machine or many",
        ("videos",),
    ),
    Task(
        "report",
        "score",
        "score",
        "score videos and write an HTML report",
        ("videos",),
        (("report", True),),
    ),
    Task("compare", "compare", "compare", "compare two videos, or two folders of them", ("first", "second")),
    Task("check", "check", "check", "fail if videos score too low, or lower than before", ("videos",)),
    Task("ladder", "ladder", "ladder", "choose among several encodes of one video", ("videos",)),
    Task("zero-shot", "zero_shot", "zero_shot", "score videos by prompt pairs, with CLIP alone", ("videos",)),
    Task("demo", "demo", "demo", "score and compare videos on a page in the browser"),
    Task("evaluate", "evaluate", "evaluate", "compare scores, or a model's, with human ones"),
    Task("train quickstart", "quickstart", "train", "train on synthetic videos, on any laptop, in minutes"),
    Task("train maxwell", "maxwell", "train", "train on MaxWell"),
    Task("train cross", "cross", "cross", "train on databases k-fold, test on others"),
    Task("train mixed", "mixed", "cross", "train on several databases at once, test on others"),
    Task("train ablation", "ablation", "ablate", "compare the five published recipes of training"),
    Task("train mini", "mini", "pretrain", "train the small model that comes with the package"),
    Task(
        "finetune", "finetune", "finetune", "train a model on your own labels, in any dimension", ("labels", "folder")
    ),
    Task("extract", "extract", "extract", "extract the features that trainings start from", ("databases",)),
    Task("synthetic", "synthetic", "synthesize", "render a synthetic database"),
    Task("convert", "convert", "convert", "convert published checkpoints"),
    Task("export", "export", "export", "write the scorer as StableHLO, for programs without jaxvqa"),
    Task("download", "download", "download", "fetch the published weights and convert them"),
    Task("models", "models", "models", "list weights: those that are here, and those to get"),
    Task("doctor", "doctor", "doctor", "check what works on this machine"),
)
