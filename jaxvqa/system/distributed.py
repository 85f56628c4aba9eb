"""Several processes that work on one training or extraction, each with its own devices and its share of the work."""

import os

import jax

from ..errors import UserError, first_line
from .cluster import Cluster

# What SLURM tells each process that srun starts; what a script of sbatch does without srun lacks the last.
SLURM = ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NODELIST")


def start(cluster: Cluster) -> None:
    """Joins the processes of a cluster; does nothing if this is the only one.

    Raises:
        UserError: SLURM did not start this process, or the processes do not find each other.
    """
    if not cluster.address:
        return
    slurm = cluster.address == "slurm"
    if slurm and (missing := [name for name in SLURM if name not in os.environ]):
        raise UserError(
            f"cluster is slurm, but SLURM did not start this process ({missing[0]!r} is not set): start it with srun."
        )
    jax.config.update("jax_enable_preemption_service", False)  # it catches SIGTERM, and the run would go on
    try:
        if slurm:
            jax.distributed.initialize(cluster_detection_method="slurm")
        else:
            jax.distributed.initialize(cluster.address, cluster.processes, cluster.process, initialization_timeout=120)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"process {cluster.process} of {cluster.processes} could not join {cluster.address} ({first_line(error)}): "
            "start all processes with the same cluster and processes."
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes results and speaks to the user."""
    return jax.process_index() == 0
