"""Several processes that share one extraction, joined by address and as SLURM starts them; the example for SLURM."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trainings import ROOT

from jaxvqa.features.extract import extract
from jaxvqa.main import main
from jaxvqa.video.limits import DecodeLimits
from jaxvqa.video.sampling import Sampling
from jaxvqa.weights.assemble import ENCODERS
from jaxvqa.weights.load import load_weights

SCRIPT = ROOT / "scripts" / "slurm.sh"


def extraction(root, weights, features, fields, environment):
    """The extraction command in a process of its own."""
    fields = {"databases": "maxwell:validation", "data": root, "weights": weights, "features": features, **fields}
    command = [sys.executable, "-m", "jaxvqa.main", "--config=configs/extract.py"]
    command += [f"--config.{name}={value}" for name, value in {**fields, "workers": 1}.items()]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def join_by_address(number):
    return {"cluster": f"localhost:{free_port()}", "processes": 2, "process": number}, {}


def join_by_slurm(number):
    """As SLURM tells each process of a job step; from the job's number JAX makes the port that they meet at."""
    environment = {
        "SLURM_JOB_ID": str(free_port() - (65535 - 2**12 + 1)),
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_NUM_NODES": "1",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
    }
    return {"cluster": "slurm"}, environment


@pytest.fixture(scope="module")
def damaged(data, tmp_path_factory):
    """A copy of the database with one video that is none."""
    root = shutil.copytree(data, tmp_path_factory.mktemp("damaged") / "data")
    (root / "maxwell" / "videos" / "validation-3.mp4").write_bytes(b"no video")
    return root


def free_port():
    """A port that is free, the same for both processes, of those that JAX meets at under SLURM."""
    for port in range(65535 - 2**12 + 1 + os.getpid() % 2000, 65535):
        with socket.socket() as taken:
            if taken.connect_ex(("localhost", port)):
                return port
    raise OSError("no port is free")


@pytest.mark.slow
@pytest.mark.parametrize("join", [join_by_address, join_by_slurm])
def test_two_processes_share_an_extraction(join, damaged, encoders, tmp_path):
    started = [extraction(damaged, encoders, tmp_path / "features", *join(number)) for number in range(2)]
    said = []
    try:
        for process in started:
            said.append(process.communicate(timeout=240)[1])
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [1, 1], said
    assert "7 of 8 videos have features" in said[0]
    assert "failed:" in said[0]
    assert "validation-3.mp4" in said[0]
    assert "failed:" not in said[1]  # it is told once
    assert not any("Traceback" in text for text in said)
    indices = sorted((tmp_path / "features").glob("*/*.jsonl"))
    shares = {path.name.split("-")[1]: len(path.read_text().splitlines()) for path in indices}
    assert shares.keys() == {"0", "1"}
    assert sorted(shares.values()) == [3, 4]  # each its half, but for the one that cannot be decoded

    paths = sorted(map(str, (damaged / "maxwell" / "videos").glob("validation-*")))
    loaded = load_weights(encoders, ENCODERS)
    together, _ = extract(paths, loaded, tmp_path / "features", Sampling(), DecodeLimits(1))
    alone, errors = extract(paths, loaded, tmp_path / "alone", Sampling(), DecodeLimits(1))
    assert len(errors) == 1
    np.testing.assert_array_equal(together.read(range(7)), alone.read(range(7)))


@pytest.mark.parametrize("cluster", ["slurm", "node1", "node1:", ":1234", "node1:x", "node1:0", "node1:65536"])
@pytest.mark.parametrize("lacking", ["SLURM_JOB_ID", "SLURM_STEP_NODELIST"])  # no SLURM, and a script without srun
def test_what_no_process_can_join_is_one_sentence(cluster, lacking, monkeypatch, capfd):
    for name, value in join_by_slurm(0)[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(lacking)
    fields = {"databases": "maxwell:validation", "weights": "mini", "cluster": cluster}
    arguments = [f"--config.{name}={value}" for name, value in fields.items()]
    assert main(["jaxvqa", f"--config={ROOT / 'configs' / 'extract.py'}", *arguments]) == 2
    said = f"'{cluster}'; it must be slurm, or HOST:PORT"
    if cluster == "slurm":
        said = f"slurm, but SLURM did not start this process ('{lacking}' is not set)"
    err = capfd.readouterr().err
    assert err.startswith(f"jaxvqa: cluster is {said}")
    assert err.count("\n") == 1


def test_the_example_for_slurm_asks_for_what_there_is(tmp_path):
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    (tmp_path / "srun").write_text('#!/bin/bash\n[ "$SRUN_CPUS_PER_TASK" = 1 ] && exec "$@"\n')
    (tmp_path / "jaxvqa").write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$1" >> {tmp_path}/ran\nexec {sys.executable} -m jaxvqa "$@"\n'
    )
    for program in ("srun", "jaxvqa"):
        (tmp_path / program).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", SCRIPT, "mini", "data", str(tmp_path / "work")],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "SLURM_CPUS_PER_TASK": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    # Its options are understood, and SLURM is missed; where extraction fails, no training starts.
    assert done.returncode == 2
    assert "SLURM did not start this process ('SLURM_JOB_ID' is not set): start it with srun." in done.stderr
    assert "Traceback" not in done.stderr
    assert Path(tmp_path / "ran").read_text().split() == ["extract"]
