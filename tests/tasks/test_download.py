import csv
import hashlib
import io
import json
import re
import shutil

import pytest
import torch
from publisher import NAMES, answer, breaks_off, published
from test_frozen import frozen

import jaxvqa
from jaxvqa import UserError
from jaxvqa.cli import main
from jaxvqa.example import EXAMPLE
from jaxvqa.scoring.reference import compare
from jaxvqa.system.files import lock_folder
from jaxvqa.weights.directory import DESCRIPTION, TENSORS, read_description
from jaxvqa.weights.load import load_weights


def test_without_a_home_a_folder_is_asked_for(no_home, capfd):
    assert main(["download"]) == 2
    assert "there is no home folder: set HOME, or choose another folder by --output." in capfd.readouterr().err


def test_two_runs_at_once(server, tmp_path, capfd):
    with lock_folder(tmp_path / ".weights-fetched"):
        assert main(["download", f"--source={server.address}", f"--output={tmp_path / 'weights'}"]) == 2
    assert "another run is writing to" in capfd.readouterr().err
    assert server.requests == []


def test_what_is_there_must_be_sound(server, small_weights, tmp_path, monkeypatch, capfd):
    """And gets reference scores, unless it has those of the example as it is."""
    command, sound = ["download", f"--source={server.address}", "--output"], tmp_path / "sound"
    shutil.copytree(small_weights, sound)
    assert main([*command, str(sound)]) == 0
    wanted = load_weights(small_weights, ()).id
    said, _, *lines = capfd.readouterr().out.splitlines()
    assert said == f"{sound}: weights {wanted}, already there and sound"
    reference = json.loads((sound / "reference.json").read_text())
    assert lines == [f"  {score:.4f}  {name}" for name, score in reference["scores"].items()]
    assert len(lines) == 16
    assert main([*command, str(sound)]) == 0
    assert capfd.readouterr().out == f"{said}\n"
    (sound / "reference.json").write_text(json.dumps({**reference, "clip": "of another version", "scores": {}}))
    assert main([*command, str(sound)]) == 0
    assert json.loads((sound / "reference.json").read_text()) == reference
    (sound / "reference.json").write_text("{}")
    capfd.readouterr()
    assert main([*command, str(sound)]) == 2
    assert capfd.readouterr() == (
        "",
        f"jaxvqa: {sound} is there, but of no use ({sound / 'reference.json'} holds no "
        "reference scores): move it away, and run the same command again.\n",
    )
    (tmp_path / "other").mkdir()
    assert main([*command, str(tmp_path / "other")]) == 2
    assert "other is there, but of no use" in capfd.readouterr().err
    (tmp_path / "damaged").mkdir()
    for name in (DESCRIPTION, TENSORS):
        (tmp_path / "damaged" / name).write_bytes((small_weights / name).read_bytes())
    with (tmp_path / "damaged" / TENSORS).open("r+b") as file:
        file.seek(-1, io.SEEK_END)
        file.write(b"\xff")
    assert main([*command, str(tmp_path / "damaged")]) == 2
    assert re.search(r"damaged is there, but of no use .*SHA-256 differs.*move it away", capfd.readouterr().err)
    assert server.requests == []


def test_weights_without_all_parts_are_of_no_use(released_weights, capfd):
    assert main(["download", f"--output={released_weights}"]) == 2
    assert "but not of fastvqa_head" in capfd.readouterr().err


def test_weights_that_score_by_default(small_weights, clips, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="maxvqa does not exist: run `jaxvqa download`"):
        jaxvqa.load("maxvqa")

    (tmp_path / "jaxvqa").mkdir()
    (tmp_path / "jaxvqa" / "maxvqa").symlink_to(small_weights)
    wanted = load_weights(small_weights, ()).id
    assert jaxvqa.load().weights_id == jaxvqa.load("maxvqa").weights_id == wanted
    command = ["score", str(clips / "a.mp4"), "--format=jsonl", f"--output={tmp_path / 'scores'}"]
    assert main(command) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["weights"] == wanted
    assert f"weights: the published ones, in {tmp_path / 'jaxvqa' / 'maxvqa'}\n" in err
    assert main([*command, f"--weights={small_weights}"]) == 0
    assert "weights:" not in capfd.readouterr().err


@pytest.mark.slow
def test_downloaded_weights_score(server, checkpoints, full_weights, clips, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name, standin in zip(NAMES, ("maxvqa", "dover", "clip_rn50"), strict=True):
        server.files[f"/{name}"] = checkpoints[standin].read_bytes()
    published(monkeypatch, maxvqa="", clip=hashlib.sha256(server.files["/RN50.pt"]).hexdigest())
    command = ["download", f"--source={server.address}"]
    sound, absurd = server.files["/maxvqa_maxwell.pt"], torch.load(checkpoints["maxvqa"])
    for name in (name for name in absurd if name.startswith("implicit_mlp.")):
        absurd[name] = absurd[name] / absurd[name].abs().max() * 3e38  # which are numbers, but give none
    torch.save(absurd, file := io.BytesIO())
    server.files["/maxvqa_maxwell.pt"] = file.getvalue()
    assert main(command) == 2
    assert re.search("cannot be used: weights .* give scores that are no numbers", capfd.readouterr().err)
    assert [path.name for path in tmp_path.glob("jaxvqa/.maxvqa-fetched/[!.]*")] == ["RN50.pt"]

    server.files["/maxvqa_maxwell.pt"] = sound
    server.requests, server.ways = [], [answer, breaks_off]
    (tmp_path / "jaxvqa" / ".maxvqa-fetched" / "RN50.pt").unlink()
    assert main(command) == 0
    folder, wanted = tmp_path / "jaxvqa" / "maxvqa", load_weights(full_weights, ()).id
    out, err = capfd.readouterr()
    reference = json.loads((folder / "reference.json").read_text())
    assert reference["weights"] == wanted
    assert reference["scores"] == pytest.approx(jaxvqa.load(folder).score(EXAMPLE).dimensions, abs=1e-5)
    frozen_reference = json.loads(frozen("standins.json", json.dumps(reference, indent=1) + "\n"))
    assert compare(reference, frozen_reference).startswith("scores of the example within 0.0000")
    scores = [f"  {score:.4f}  {name}" for name, score in reference["scores"].items()]
    assert [line for line in out.splitlines() if "raw scores" not in line] == [f"{folder}: weights {wanted}", *scores]
    digest = hashlib.sha256(server.files["/DOVER.pth"]).hexdigest()
    assert f"DOVER.pth: {len(server.files['/DOVER.pth'])} bytes, SHA-256 {digest}, recorded" in err
    record = {"bytes": len(server.files["/DOVER.pth"]), "sha256": digest}
    first_use = tmp_path / "jaxvqa" / "first-use.json"
    assert json.loads(first_use.read_text())["DOVER.pth"] == record
    assert [path for path, _ in server.requests] == [f"/{NAMES[0]}", *[f"/{NAMES[1]}"] * 2, f"/{NAMES[2]}"]
    sources = read_description(folder)["sources"]
    assert {source["file"]: source["sha256"] for source in sources} == {
        name: hashlib.sha256(server.files[f"/{name}"]).hexdigest() for name in NAMES
    }
    assert sorted(path.name for path in folder.parent.iterdir()) == ["first-use.json", "maxvqa"]

    assert main(command) == 0
    assert capfd.readouterr().out == f"{folder}: weights {wanted}, already there and sound\n"
    assert len(server.requests) == 4

    changed = torch.load(checkpoints["dover"])
    name = next(name for name in changed if name.endswith("patch_embed.proj.bias"))
    changed[name] = 0.9 * changed[name]
    torch.save(changed, file := io.BytesIO())
    server.files["/DOVER.pth"] = file.getvalue()
    assert main([*command, f"--output={tmp_path / 'other'}"]) == 0
    err = capfd.readouterr().err
    first = f"which had {record['bytes']} bytes and the SHA-256 {digest}: its authors publish none"
    assert f"DOVER.pth is not the file of its first use here, {first}" in err
    assert err.count("first use") == 1
    assert json.loads(first_use.read_text())["DOVER.pth"] == record
    assert json.loads((tmp_path / "other" / "reference.json").read_text())["scores"] != reference["scores"]

    for task in ("score", "zero-shot"):
        assert main([task, str(clips / "a.mp4"), f"--output={tmp_path / task}", "--format=csv"]) == 0
        out, err = capfd.readouterr()
        [row] = csv.DictReader(io.StringIO(out))
        assert (row["status"], row["weights"]) == ("ok", wanted)
        assert f"weights: the published ones, in {folder}" in err
