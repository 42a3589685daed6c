"""Run a private Slurm cluster on this machine: two nodes with fake GPUs, own key, ports and folder; stops completely."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from getpass import getuser
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel", "sinfo", "setpriv")
NODES = ("node1", "node2")
GPUS = ("/dev/null", "/dev/zero")
"""The fake GPUs of each node: Slurm needs device files but does not check what they are."""

SLURM_CONF = """
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info

# as on a cluster: allocate processors, memory and GPUs, and stop jobs that use more memory than requested
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
JobRequeue=1

# shorter than on a cluster, so that tests need not wait
SlurmdTimeout=20
SlurmctldTimeout=20
MessageTimeout=10
KillWait=15
MinJobAge=7200
InactiveLimit=0
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
BatchStartTimeout=20
RebootProgram=/bin/true
TCPTimeout=2

SlurmdParameters=config_overrides
GresTypes=gpu
{nodes}
PartitionName=cpu Nodes={names} Default=YES MaxTime=7-00:00:00 State=UP
PartitionName=gpu Nodes={names} MaxTime=7-00:00:00 State=UP
"""


def find_missing() -> list[str]:
    """Return the required programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_search_path()) is None]


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _find_ports(count: int) -> list[int]:
    """Find free ports."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """The cluster's processes and user commands.

    Attributes
    ----------
    folder : Path
        Folder of its state, logs and sockets.
    environment : dict
        Environment in which Slurm's commands use this cluster.
    """

    def __init__(self, folder: Path, *, cpus: int, memory_mb: int) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        path = f"{folder}/bin:{_search_path()}"
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        folder.chmod(0o755)  # munge needs a folder that only its owner may write to
        (folder / "state").mkdir()
        # within a job, the executor removes all Slurm variables before it calls srun
        (folder / "bin").mkdir()
        srun = folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        controller_port, *ports = _find_ports(1 + len(NODES))
        nodes = [
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} "
            f"RealMemory={memory_mb} Gres=gpu:{len(GPUS)} State=UNKNOWN"
            for name, port in zip(NODES, ports, strict=True)
        ]
        (folder / "slurm.conf").write_text(
            SLURM_CONF.format(
                host=socket.gethostname(),
                controller_port=controller_port,
                user=getuser(),
                folder=folder,
                nodes="\n".join(nodes),
                names=",".join(NODES),
            )
        )
        (folder / "gres.conf").write_text(
            "".join(f"NodeName={name} Name=gpu File={gpu} Flags=nvidia_gpu_env\n" for name in NODES for gpu in GPUS)
        )
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # unused; the plugin for version 2 needs systemd

    def start(self) -> None:
        """Start everything and wait until the nodes are idle."""
        munge = [f"--key-file={self.folder}/munge.key", f"--socket={self.folder}/munge.socket"]
        munge += [f"--log-file={self.folder}/munge.log", f"--pid-file={self.folder}/munge.pid"]
        munge += [f"--seed-file={self.folder}/munge.seed"]
        self._start("munged", "--foreground", "--force", *munge)
        self._wait_for((self.folder / "munge.socket").exists, 20, "munged to open its socket")
        self.start_controller()
        for name in NODES:
            self.start_node(name)
        self.wait_for_nodes()

    def start_controller(self) -> None:
        """Start slurmctld, from its saved state if there is one."""
        self._start("slurmctld", "-D")

    def start_node(self, name: str) -> None:
        """Start a node's slurmd."""
        self._start(f"slurmd-{name}", "-D", "-N", name, program="slurmd")

    def wait_for_nodes(self) -> None:
        """Wait until Slurm reports every node as up."""

        def are_up() -> bool:
            states = self.run("sinfo", "-h", "-N", "-o", "%T").split()
            return bool(states) and all(state in ("idle", "mixed", "allocated") for state in states)

        self._wait_for(are_up, 60, "the nodes to be up")

    def kill(self, name: str) -> None:
        """Kill a daemon, as in a crash: "slurmctld", or "slurmd-" and a node's name."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kill_node(self, node: str) -> None:
        """Kill a node: its slurmd and all processes of its jobs."""
        numbers = {job["JobId"] for job in self.list_jobs("RUNNING") if job["NodeList"] == node}
        self.kill(f"slurmd-{node}")
        stewards, others = set(), set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                variables = process.environ()
                own = variables.get("SLURM_CONF") == self.environment["SLURM_CONF"]
                if own and variables.get("SLURM_JOB_ID") in numbers:
                    others.add(process)
                    stewards |= {one for one in process.parents() if "".join(one.cmdline()).startswith("slurmstepd:")}
        for process in [*stewards, *others]:  # slurmstepd first, since it would report the end of the others
            with suppress(psutil.Error):
                process.kill()

    def _start(self, name: str, *arguments: str, program: str | None = None) -> None:
        # the daemons die with this process
        command = ["setpriv", "--pdeathsig", "KILL", program or name, *arguments]
        with open(self.folder / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _wait_for(self, condition, seconds: float, name: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                output = "\n".join((self.folder / f"{name}.out").read_text()[-1000:] for name in ended or self.processes)
                raise RuntimeError(f"timed out waiting for {name}; {', '.join(ended) or 'no daemon'} ended:\n{output}")
            time.sleep(0.2)

    def run(self, *command: str) -> str:
        """Run a Slurm command and return its output."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=60)
        return done.stdout

    def list_jobs(self, *states: str) -> list[dict[str, str]]:
        """List the controller's jobs, as scontrol shows them, optionally only those in the given states."""
        shown = self.run("scontrol", "show", "job", "--oneliner")
        jobs = [
            dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
            for line in shown.splitlines()
            if line.startswith("JobId=")
        ]
        return [job for job in jobs if not states or job["JobState"] in states]

    def stop(self) -> None:
        """Stop all jobs, then all daemons."""
        with suppress(subprocess.SubprocessError):
            self.run("scancel", "--full", f"--user={getuser()}")
            deadline = time.monotonic() + 20
            while self.run("squeue", "-h").strip() and time.monotonic() < deadline:
                time.sleep(0.2)
        for name in reversed(list(self.processes)):
            process = self.processes.pop(name)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def run_cluster(*, cpus: int = 16, memory_mb: int = 100_000):
    """Run a cluster within a with block."""
    folder = Path(tempfile.mkdtemp(prefix="synthdiv-slurm-"))
    cluster = Cluster(folder, cpus=cpus, memory_mb=memory_mb)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
