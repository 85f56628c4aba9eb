"""Fields that several configs share, with the comments that help texts take from here."""

import ml_collections

# What fields of some names can be, in whichever config they are.
CHOICES = {
    "device": ("cpu", "gpu", "tpu"),
    "format": ("table", "csv", "json", "jsonl"),
    "keep": ("best", "last"),
    "kind": ("constant", "cosine"),
    "precision": ("float32", "bfloat16"),
    "sampling": ("whole", "published"),
}


def command_config() -> ml_collections.ConfigDict:
    """What is told in the terminal, for every config."""
    config = ml_collections.ConfigDict()
    config.quiet = False  # print results, warnings and errors only: no progress, log or legend
    config.verbose = False  # print what libraries log, and the traceback of an error
    return config


def planned_config() -> ml_collections.ConfigDict:
    """What would be done, for every config of a task that does lasting work."""
    config = ml_collections.ConfigDict()
    config.dry_run = False  # print which videos, weights and folders would be used, and do nothing
    return config


def computing_config() -> ml_collections.ConfigDict:
    """Where networks are computed, for every config of a task that does."""
    config = ml_collections.ConfigDict()
    config.device = ""  # to compute on: cpu, gpu (NVIDIA) or tpu; by default the fastest one that JAX finds
    config.update(command_config())
    return config


def decoding_config() -> ml_collections.ConfigDict:
    """What decoding may take, for every config of a task that decodes."""
    config = ml_collections.ConfigDict()
    config.workers = 0  # processes that decode; 0, as many as cores
    config.decode_seconds = 3600.0  # seconds that decoding a video may take until it is given up
    config.decode_gigabytes = 8.0  # gigabytes of memory that a process that decodes may take
    config.update(computing_config())
    return config


def cluster_config() -> ml_collections.ConfigDict:
    """Processes that work together, for every config of a task that several can share."""
    config = ml_collections.ConfigDict()
    config.cluster = ""  # several processes: "slurm", or HOST:PORT of the first one
    config.processes = 1  # their number, unless under SLURM
    config.process = 0  # which of them this is, unless under SLURM
    return config


def scoring_config() -> ml_collections.ConfigDict:
    """How videos are scored."""
    config = ml_collections.ConfigDict()
    config.weights = ""  # by default what `jaxvqa download` made, else mini; or a directory, of a training for example
    config.output = "scores"  # folder of the results
    config.format = "table"  # what is printed: a table, csv, json or jsonl
    config.seed = 0  # decides which frames and patches are looked at
    config.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames
    config.display_height = 1080  # lines of the display that scores hold for, of weights that look at videos as it does
    config.repeats = 1  # samplings of each video; several give the mean, and how far they differ
    config.dense = False  # whether to look at every frame and the whole grid instead, in as many samplings as it takes
    config.prompts = ""  # prompt pairs to score as well, such as "cinematic / amateurish; lively / dull"
    config.report = False  # whether to write OUTPUT/report.html: where, when and why each video scores as it does
    config.per_moment = False  # whether to write OUTPUT/moments.csv: the scores at each time step of each video
    config.precision = "float32"  # or bfloat16: faster on most GPUs, but raw scores move by about 0.01
    config.legend = True  # end tables in a terminal with what scores mean
    config.update(planned_config())
    config.update(decoding_config())
    return config


def training_config() -> ml_collections.ConfigDict:
    """Returns the published recipe with its five improvements, except the epoch that is kept and Huber's delta.

    They are a deep fusion MLP, PLCC and Huber loss, cosine restarts, and all videos, chunk by chunk.
    """
    parts = {"data": {}, "model": {}, "train": {}, "unfreeze": {}, "loss": {}, "optimizer": {"schedule": {}}}
    config = ml_collections.ConfigDict(parts)
    config.task = "train"
    config.output = "runs/maxwell"  # folder of checkpoints, curves, tables and the trained model
    config.seed = 0  # of the head's first parameters, the order of videos, dropout and bootstrap samples

    config.data.root = "data"  # folder with a folder for each database
    config.data.train = "maxwell:train"  # databases to train on, with commas between them
    config.data.validation = "maxwell:validation"  # database to evaluate each epoch on
    config.data.mix = ""  # shares of a batch for each database trained on, such as 2,1,1; empty, as videos come
    config.data.test = ""  # databases to evaluate on at the end, besides validation
    config.data.allow_missing = False  # whether videos that have labels, but no file, may be left out
    config.data.allow_failures = False  # whether videos that cannot be decoded may be left out without exit code 1
    config.data.seed = 0  # decides which frames and patches are looked at
    config.data.sampling = "whole"  # whole: every frame is in reach; or published, as the published code draws frames

    config.weights = ""  # to start from: a directory, "maxvqa", "mini"; "random", "random-small": untrained encoders
    config.warm_start = False  # whether to go on from the head in the weights, or start with a new one
    config.features = "features"  # folder of extracted features: 11 MB a video at full size
    config.update(decoding_config())

    config.model.hidden = 64  # width of the fusion MLP of a new head
    config.model.depth = 4  # linear layers of its fusion MLP: 2, shallow; 4, deep

    config.train.batch = 16  # videos of a step, over all devices
    config.train.chunk = 912  # videos of a chunk: 10 GB at full size
    config.train.chunks = 0  # chunks to train on; 0, all
    config.train.epochs_per_chunk = 20  # epochs on a chunk before the next one comes
    config.train.passes = 1  # passes over all chunks
    config.train.shuffle = True  # whether chunks are drawn at random, or cut from the list as it is
    config.train.dropout = True  # whether the fusion MLP is trained with dropout
    config.train.keep = "last"  # which epoch's model is kept: the last, or the best on the validation videos
    config.train.ema = 0.999  # decay of the moving average of parameters, a step

    config.unfreeze.stages = 0  # last stages of both encoders that are trained with the head
    config.unfreeze.rate = 0.1  # their learning rate, as a part of the head's

    config.loss.plcc = 1.0  # weight of the correlation loss
    config.loss.huber = 1.0  # weight of the Huber loss
    config.loss.huber_delta = 0.1  # error from which that grows linearly: 0.1 is a tenth of the scale of scores
    config.loss.rank = 0.0  # weight of the ranking loss
    config.loss.decorrelation = 0.0  # weight of the loss for dimensions that are alike

    config.optimizer.weight_decay = 0.01  # weight decay of AdamW
    config.optimizer.schedule.kind = "cosine"  # cosine, with warm restarts, or constant
    config.optimizer.schedule.peak = 1e-3  # learning rate
    config.optimizer.schedule.low = 1e-5  # learning rate at the end of a cycle
    config.optimizer.schedule.period = 10  # epochs of the first cycle
    config.optimizer.schedule.growth = 1  # how many times as long each cycle is as the one before

    config.resamples = 1000  # bootstrap samples of the confidence intervals

    config.update(planned_config())
    config.update(cluster_config())
    return config
