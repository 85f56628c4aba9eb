"""The settings of a training, and their ranges."""

from dataclasses import dataclass, field

from ..errors import UserError, check_lowest
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from .chunks import ChunkOrder
from .optimizer import Schedule
from .step import Recipe


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
    order: ChunkOrder = field(default_factory=ChunkOrder)  # which asks JAX for its devices
    recipe: Recipe = field(default_factory=lambda: Recipe(huber=1.0, huber_delta=0.1))
    schedule: Schedule = field(default_factory=Schedule)
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
