"""The settings of a training, and their ranges. Nothing here imports JAX, so that they are checked before it is."""

from dataclasses import dataclass

from ..errors import UserError, check_lowest
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling


@dataclass(frozen=True)
class ChunkOrder:
    """How videos are cut into chunks, and how often each is trained on.

    Attributes:
        batch: videos of a step, over all devices.
        chunk: videos of a chunk.
        chunks: how many to train on; 0 for all.
        epochs_per_chunk: epochs on a chunk before the next one comes.
        passes: passes over all chunks.
        shuffle: whether chunks are drawn at random, or cut from the list as it is.

    Raises:
        UserError: a value is out of its range.
    """

    batch: int = 16
    chunk: int = 912
    chunks: int = 0
    epochs_per_chunk: int = 20
    passes: int = 1
    shuffle: bool = True

    def __post_init__(self):
        check_lowest(self, batch=2, chunk=1, chunks=0, epochs_per_chunk=1, passes=1)  # one video has no correlation


@dataclass(frozen=True)
class Schedule:
    """Learning rates of a training.

    Attributes:
        kind: "constant", or "cosine" for cosine decay with warm restarts.
        peak: rate at the start of a cycle.
        low: rate at the end of a cycle.
        period: epochs of the first cycle.
        growth: how many times as long each cycle is as the one before.

    Raises:
        UserError: a value is out of its range.
    """

    kind: str = "cosine"
    peak: float = 1e-3
    low: float = 1e-5
    period: int = 10
    growth: int = 1

    def __post_init__(self):
        check_lowest(self, period=1, growth=1)
        if self.kind not in ("constant", "cosine"):
            raise UserError(f"schedule kind is {self.kind!r}; it must be constant or cosine.")


@dataclass(frozen=True)
class Recipe:
    """What the loss is made of, and how parameters follow it.

    Attributes:
        plcc, huber, rank: weights of the losses that are summed over dimensions.
        decorrelation: weight of the term that pushes dimensions apart.
        huber_delta: error from which Huber's loss grows linearly, on the scale of scores, on which the usual labels
            of a training span 0.91. Errors never reach 1, the published value: with it, the loss is half the mean
            square.
        dropout: whether half of the activations are dropped in training.
        ema: decay of the moving average of parameters, a step.
        databases: where there are several, those losses that compare videos (PLCC, ranks) are summed over all videos of
            a batch and over those of each database alone.

    Raises:
        UserError: `huber_delta` or `ema` is out of its range.
    """

    plcc: float = 1.0
    huber: float = 0.0
    huber_delta: float = 1.0
    rank: float = 0.0
    decorrelation: float = 0.0
    dropout: bool = True
    ema: float = 0.999
    databases: int = 1

    def __post_init__(self):
        if not self.huber_delta > 0:
            raise UserError(f"huber_delta is {self.huber_delta}; it must be above 0.")
        if not 0 <= self.ema < 1:
            raise UserError(f"ema is {self.ema}; it must be from 0 to below 1.")


@dataclass(frozen=True)
class HeadSettings:
    """The head that a training starts from.

    Attributes:
        hidden: width of the fusion MLP of a new head.
        depth: linear layers of its fusion MLP: 2, shallow; 4, deep.
        warm_start: whether to start from the head of the weights instead of a new one.

    Raises:
        UserError: a value is out of its range.
    """

    hidden: int = 64
    depth: int = 4
    warm_start: bool = False

    def __post_init__(self):
        check_lowest(self, hidden=1, depth=1)


@dataclass(frozen=True)
class UnfreezeSettings:
    """What of the encoders is trained with the head.

    Attributes:
        stages: number of last stages of both encoders.
        rate: their learning rate, as a fraction of the head's.

    Raises:
        UserError: a value is out of its range.
    """

    stages: int = 0
    rate: float = 0.1

    def __post_init__(self):
        check_lowest(self, stages=0, rate=0)
        if self.stages and not self.rate:
            raise UserError("rate is 0, which trains no stage; set stages to 0, or a rate above 0.")


@dataclass(frozen=True)
class TrainSettings:
    """All settings that the outcome of a training depends on, besides weights and videos.

    Attributes:
        seed: of a new head, the order of videos and dropout.
        head: what the training starts from.
        unfreeze: what of the encoders is trained with it.
        order: the order of videos.
        recipe: what the loss is made of, and how parameters follow it.
        schedule: learning rates.
        weight_decay: of AdamW.
        keep: which epoch is kept: the "last", or the "best" on the validation videos, as published.
        mix: weights of the databases in a batch, such as "2,1,1"; empty if batches take videos as they come.
        sampling: which frames and patches features are of.

    Raises:
        UserError: a value is out of its range.
    """

    seed: int = 0
    head: HeadSettings = HeadSettings()
    unfreeze: UnfreezeSettings = UnfreezeSettings()
    order: ChunkOrder = ChunkOrder()
    recipe: Recipe = Recipe(huber=1.0, huber_delta=0.1)
    schedule: Schedule = Schedule()
    weight_decay: float = 0.01
    keep: str = "last"
    mix: str = ""
    sampling: Sampling = Sampling()  # noqa: RUF009, it is frozen

    def __post_init__(self):
        check_lowest(self, seed=0)
        if self.keep not in ("best", "last"):
            raise UserError(f"keep is {self.keep!r}; it must be best or last.")

    def check_nothing_chosen(self) -> None:
        """Raises a UserError if the epoch that is kept follows from labels that figures are to be reported on."""
        if self.keep != "last":
            raise UserError(
                f"keep is {self.keep!r}; it must be last here, because the best epoch would be chosen by the labels "
                "that are reported on."
            )


@dataclass(frozen=True)
class DataSource:
    """Where databases are, and where their features are stored.

    Attributes:
        root: folder with a folder for each database.
        features: folder of extracted features.
        limits: what decoding may take.
        allow_missing: whether to skip videos that have labels, but no file.
    """

    root: str
    features: str
    limits: DecodeLimits
    allow_missing: bool = False
