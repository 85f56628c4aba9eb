"""Several processes that work on one training or extraction, each with its own devices and its share of the work."""

import os
import re

import jax
import ml_collections

from ..errors import UserError, first_line

# What SLURM tells each process that srun starts; what a script of sbatch does without srun lacks the last.
SLURM = ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NODELIST")


def start(config: ml_collections.ConfigDict) -> None:
    """Joins the processes that a config speaks of; does nothing where it speaks of none.

    Args:
        config: `cluster` is "" for a single process, "slurm" where SLURM started the processes, or HOST:PORT of
            the first process, with `processes`, their number, and `process`, this one's.

    Raises:
        UserError: SLURM did not start this process, or `cluster` is no address, or the processes do not find each
            other.
    """
    if not config.cluster:
        return
    slurm = config.cluster == "slurm"
    if slurm and (missing := [name for name in SLURM if name not in os.environ]):
        raise UserError(
            f"config.cluster is slurm, but SLURM did not start this process ({missing[0]!r} is not set): start it by "
            "srun."
        )
    if not slurm and not is_address(config.cluster):  # from some, JAX dies of a segmentation fault
        raise UserError(f"config.cluster is {config.cluster!r}, but must be slurm, or HOST:PORT of the first process.")
    jax.config.update("jax_enable_preemption_service", False)  # it catches SIGTERM, and the run would go on
    try:
        if slurm:
            jax.distributed.initialize(cluster_detection_method="slurm")
        else:
            jax.distributed.initialize(config.cluster, config.processes, config.process, initialization_timeout=120)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"process {config.process} of {config.processes} could not join {config.cluster} ({first_line(error)}): "
            "start all processes with the same config.cluster and config.processes."
        ) from error


def is_address(text: str) -> bool:
    """Whether a text is HOST:PORT."""
    found = re.fullmatch(r"\S+:([0-9]{1,5})", text)
    return found is not None and 0 < int(found[1]) < 2**16


def is_first() -> bool:
    """Whether this process is the one that writes results and speaks to the user."""
    return jax.process_index() == 0
