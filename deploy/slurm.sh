#!/usr/bin/env bash
# A study on a SLURM cluster: sbatch deploy/slurm.sh STUDY [softloc run's options]
#SBATCH --job-name=softloc
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=08:00:00
set -euo pipefail

# A token for this job's Ray, so that other users of the nodes cannot use it.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
port=6379
srun --nodes=1 --ntasks=1 -w "$head" \
    ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --dashboard-host=127.0.0.1 --block &
sleep 15
if ((${#nodes[@]} > 1)); then
    srun --nodes=$((${#nodes[@]} - 1)) --ntasks=$((${#nodes[@]} - 1)) --exclude="$head" \
        ray start --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
    sleep 15
fi
# If the time limit ends the job, submit it again: the study resumes and runs only what is missing.
srun --overlap --nodes=1 --ntasks=1 -w "$head" softloc run "$@" --address "$head:$port"
