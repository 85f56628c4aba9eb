"""Twenty training steps of a small model, as a program: prints their losses as JSON.

usage: steps.py DEVICES [PROCESSES PROCESS PORT]
"""

import json
import os
import sys

devices, processes, process, port = (
    (*map(int, sys.argv[1:]), 1, 0, 0)[:4] if len(sys.argv) == 2 else map(int, sys.argv[1:])
)
os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"

import jax  # noqa: E402
import numpy as np  # noqa: E402
from conftest import SMALL  # noqa: E402

from jaxvqa.dimensions import default_prompts  # noqa: E402
from jaxvqa.system import distributed  # noqa: E402
from jaxvqa.tasks.defaults import training_config  # noqa: E402
from jaxvqa.train.chunks import ChunkOrder  # noqa: E402
from jaxvqa.train.loop import Trainer, local_rows  # noqa: E402
from jaxvqa.train.settings import TrainSettings  # noqa: E402
from jaxvqa.train.step import Batch, Recipe, replicate, shard, start  # noqa: E402
from jaxvqa.weights.assemble import PARTS, build  # noqa: E402
from jaxvqa.weights.directory import Weights  # noqa: E402

config = training_config()
if processes > 1:
    distributed.start(distributed.Cluster(f"localhost:{port}", processes, process))
assert jax.device_count() == devices * processes

recipe = Recipe(huber=1.0, rank=0.3, decorrelation=0.005)
settings = TrainSettings(order=ChunkOrder(batch=16), recipe=recipe)
parts = {part: build(part, PARTS[part][1](**SMALL[part])) for part in ("clip_text", "maxvqa")}
loaded = Weights("small", parts, default_prompts())
trainer = Trainer(settings, loaded, parts["maxvqa"], range(16))
state = replicate(start(parts["maxvqa"], trainer.optimizer))
random = np.random.default_rng(0)
features = random.normal(size=(64, 4, 9, 96)).astype(np.float16)
targets = random.uniform(size=(64, 16)).astype(np.float32)
losses = []
for step in range(20):
    rows = local_rows(np.arange(16) + 16 * (step % 4))
    batch = Batch(shard(features[rows]), shard(targets[rows]))
    state, terms = trainer.step.update(state, trainer.frozen, batch, 1e-3, jax.random.key(0))
    losses.append(float(terms["loss"]))
print(json.dumps(losses))
