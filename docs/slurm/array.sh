#!/bin/bash
# Reproduce a paper as a Slurm job array: each task does its part of the runs, without any scheduler of Dask's.
#
#     sbatch docs/slurm/array.sh li2018 --corpus iemocap=/shared/IEMOCAP --profile paper --out /shared/results
#
# --out and SERKIT_CACHE must lie where all nodes see them. Tasks that reach their time, fail or are cancelled lose
# nothing: submit the same again. See docs/cluster.md.
#SBATCH --job-name=serkit
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=08:00:00
#SBATCH --output=serkit-%A_%a.log

# As many as --array has; a single task is submitted again with sbatch --array=3.
N=8
exec serkit reproduce "$@" --shard "$SLURM_ARRAY_TASK_ID/$N"
