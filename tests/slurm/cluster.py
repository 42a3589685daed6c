"""A private Slurm of one machine: two nodes with made-up GPUs, its own key, ports and folder, and nothing left running."""

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
"""Of each node: Slurm wants devices, and hands them out without looking at what they are."""

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

# as a cluster would: processors, memory and GPUs are given out, and who takes more memory than asked for is stopped
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

# quicker than a cluster, so that a test need not wait
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
    """Which of the programs that the cluster needs are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=_search_path()) is None]


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _find_ports(count: int) -> list[int]:
    """Free ports."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """The cluster's processes, and what its users ask it.

    Attributes
    ----------
    folder : Path
        All of its state, logs and sockets.
    environment : dict
        The environment in which Slurm's commands speak to this cluster.
    """

    def __init__(self, folder: Path, *, cpus: int, memory_mb: int) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        path = f"{folder}/bin:{_search_path()}"
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
        folder.chmod(0o755)  # munge wants a folder that nobody else may write to
        (folder / "state").mkdir()
        # within a job, the executor drops every variable of Slurm before it calls srun
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
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # none is used; that of version 2 wants systemd

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
        """Wait until Slurm sees every node up."""

        def are_up() -> bool:
            states = self.run("sinfo", "-h", "-N", "-o", "%T").split()
            return bool(states) and all(state in ("idle", "mixed", "allocated") for state in states)

        self._wait_for(are_up, 60, "the nodes to be up")

    def kill(self, name: str) -> None:
        """Kill a daemon as a crash would: "slurmctld", or "slurmd-" and a node."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kill_node(self, node: str) -> None:
        """Let a node die: its slurmd, and every process of the jobs that run on it."""
        numbers = {job["JobId"] for job in self.list_jobs("RUNNING") if job["NodeList"] == node}
        self.kill(f"slurmd-{node}")
        stewards, others = set(), set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                known = process.environ()
                if known.get("SLURM_CONF") == self.environment["SLURM_CONF"] and known.get("SLURM_JOB_ID") in numbers:
                    others.add(process)
                    stewards |= {one for one in process.parents() if "".join(one.cmdline()).startswith("slurmstepd:")}
        for process in [*stewards, *others]:  # those first that would still report the end of the others
            with suppress(psutil.Error):
                process.kill()

    def _start(self, name: str, *arguments: str, program: str | None = None) -> None:
        # should this process be killed, its daemons go with it
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

    def _wait_for(self, what, seconds: float, name: str) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                said = "\n".join((self.folder / f"{name}.out").read_text()[-1000:] for name in ended or self.processes)
                raise RuntimeError(f"waited in vain for {name}; {', '.join(ended) or 'nothing'} ended:\n{said}")
            time.sleep(0.2)

    def run(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=60)
        return done.stdout

    def list_jobs(self, *states: str) -> list[dict[str, str]]:
        """The jobs that the controller knows, as scontrol shows them; only those in these states, if any are named."""
        shown = self.run("scontrol", "show", "job", "--oneliner")
        jobs = [
            dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
            for line in shown.splitlines()
            if line.startswith("JobId=")
        ]
        return [job for job in jobs if not states or job["JobState"] in states]

    def stop(self) -> None:
        """Stop everything, jobs first."""
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
    """A cluster while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="synthdiv-slurm-"))
    cluster = Cluster(folder, cpus=cpus, memory_mb=memory_mb)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
