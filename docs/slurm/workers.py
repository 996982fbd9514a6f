"""Reproduce a paper with Dask workers that are Slurm jobs, and are replaced when their time is over.

    pip install -e ".[cluster]"
    sbatch --time=7-0 --cpus-per-task=2 --mem=8G --wrap \
        "python docs/slurm/workers.py --jobs 8 li2018 --corpus iemocap=/shared/IEMOCAP --profile paper"

What is not an option of this script is handed to ``serkit reproduce``. This process holds the scheduler and the
notebook; when it ends, its jobs end, too. Start it again to go on: only what is missing is done.
"""

import argparse
import subprocess
import sys
import time

import dask
from dask_jobqueue import SLURMCluster

LOOK = 30.0  # seconds between two looks at whether a job has to be replaced
# Of the jobs: see docs/cluster.md, "One machine".
VARIABLES = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "10m",
}


def main() -> int:
    """Start scheduler and jobs, run the command, and keep up the number of jobs meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=8, help="so many workers, a job each")
    parser.add_argument("--walltime", default="04:00:00", help="of a job, HH:MM:SS; a run may take longer, and resumes")
    parser.add_argument("--cores", type=int, default=2, help="of a job; a run computes with two threads")
    parser.add_argument("--memory", default="8GB", help="of a job")
    parser.add_argument("--partition")
    parser.add_argument("--account")
    parser.add_argument("--interface", help="network between the nodes, such as ib0")
    parser.add_argument("--sbatch", action="append", default=[], help="a further line, such as --sbatch=--gres=gpu:1")
    parser.add_argument("--logs", default="slurm_logs", help="folder of the jobs' logs")
    options, command = parser.parse_known_args()
    hours, minutes, seconds = map(int, options.walltime.split(":"))
    walltime = 3600 * hours + 60 * minutes + seconds
    # A worker leaves in order before Slurm kills it, and not all at once.
    leave = ["--lifetime", f"{int(0.85 * walltime)}s", "--lifetime-stagger", f"{int(0.1 * walltime)}s"]
    with (
        dask.config.set({"distributed.scheduler.worker-ttl": None, "distributed.comm.timeouts.tcp": "10m"}),
        SLURMCluster(
            cores=1,  # threads of Dask's: a run at a time
            processes=1,
            job_cpu=options.cores,
            memory=options.memory,
            walltime=options.walltime,
            queue=options.partition,
            account=options.account,
            interface=options.interface,
            job_extra_directives=options.sbatch,
            job_script_prologue=[f"export {name}='{value}'" for name, value in VARIABLES.items()],
            worker_extra_args=["--memory-limit", "0", "--no-dashboard", *leave],  # Slurm limits memory
            log_directory=options.logs,
        ) as cluster,
    ):
        address = cluster.scheduler_address
        running = subprocess.Popen([sys.executable, "-m", "serkit", "reproduce", *command, "--scheduler", address])
        while running.poll() is None:
            cluster.scale(options.jobs)  # jobs that are gone are submitted anew
            time.sleep(LOOK)
    return running.returncode


if __name__ == "__main__":
    sys.exit(main())
