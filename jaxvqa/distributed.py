"""Several processes that work on one training or extraction, each with its own devices and its share of the work."""

import jax
import ml_collections

from .errors import UserError, first_line


def start(config: ml_collections.ConfigDict) -> None:
    """Joins the processes that a config speaks of; does nothing where it speaks of none.

    Args:
        config: `cluster` is "" for a single process, "slurm" where SLURM started the processes, or HOST:PORT of
            the first process, with `processes`, their number, and `process`, this one's.

    Raises:
        UserError: the processes do not find each other.
    """
    if not config.cluster:
        return
    jax.config.update("jax_enable_preemption_service", False)  # it catches SIGTERM, and the run would go on
    try:
        if config.cluster == "slurm":
            jax.distributed.initialize(cluster_detection_method="slurm")
        else:
            jax.distributed.initialize(config.cluster, config.processes, config.process, initialization_timeout=120)
    except KeyError as error:  # a variable of the environment
        raise UserError(
            f"config.cluster is slurm, but SLURM did not start this process ({error} is not set): start it by srun."
        ) from error
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"process {config.process} of {config.processes} could not join {config.cluster} ({first_line(error)}): "
            "start all processes with the same config.cluster and config.processes."
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes results and speaks to the user."""
    return jax.process_index() == 0
