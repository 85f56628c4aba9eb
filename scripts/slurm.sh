#!/bin/bash
# Extraction and training on a SLURM cluster, two machines with four GPUs each:
#
#   sbatch scripts/slurm.sh ENCODERS DATA WORK
#
# ENCODERS is a weights directory, DATA the folder with the folder maxwell, WORK a folder for features, 11 MB a video,
# and the training. All of them, and the environment with jaxvqa, are where every machine sees them.
#SBATCH --job-name=jaxvqa
#SBATCH --nodes=2
#SBATCH --gpus-per-node=4
#SBATCH --ntasks-per-node=4 # a process for each GPU
#SBATCH --cpus-per-task=8 # processes that decode for it
#SBATCH --time=12:00:00
#SBATCH --requeue # stopped at any moment and started again, extraction and training go on

set -euo pipefail
encoders=$1 data=$2 work=$3
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # srun does not take it over from sbatch

srun jaxvqa extract maxwell:train,maxwell:validation --weights "$encoders" --data "$data" \
    --features "$work/features" --workers "$SLURM_CPUS_PER_TASK" --cluster slurm

# 16 videos a step, two for each of eight devices.
srun jaxvqa train maxwell --weights "$encoders" --data.root "$data" --features "$work/features" \
    --output "$work/maxwell" --workers "$SLURM_CPUS_PER_TASK" --cluster slurm
