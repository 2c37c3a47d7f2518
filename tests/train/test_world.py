"""Two processes started by torchrun train as one does, up to the order of sums."""

import json
import subprocess
import sys
import textwrap

import pytest
import torch

from sfumato.core.errors import ParameterError
from sfumato.train.world import World, join

SCRIPT = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    import torch
    from torch import nn
    from sfumato.catalogue import method
    from sfumato.core.errors import SfumatoError
    from sfumato.labels import ClassConditional, MultiLabel, Noisy, UniformSets
    from sfumato.learn.families import Belief, MarginalLikelihood, SignedRisk
    from sfumato.train.config import Config
    from sfumato.train.loop import Run
    from sfumato.train.networks import build
    from sfumato.train.world import join

    torch.set_num_threads(1)
    folder, alone = Path(sys.argv[1]), len(sys.argv) > 2
    world = None if alone else join()
    g = torch.Generator().manual_seed(0)
    x = torch.randn(101, 5, generator=g, dtype=torch.float64)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    law = UniformSets()
    sets = law.sample(y, 3, g)
    w = torch.rand(101, generator=g, dtype=torch.float64) + 0.1
    out = {}
    cases = {
        "belief": (Belief(), sets, law),
        "corrected": (SignedRisk(correction="ga"), sets, law),
        "elr": (method("elr").cls(), Noisy(y, 3), None),
        "truncated": (method("truncated-gce").cls(start_at=0.0), Noisy(y, 3), None),
        "two networks": (method("co-teaching").cls(), Noisy(y, 3), None),
        "changed gradients": (method("cdr").cls(), Noisy(y, 3), None),
        "trainable rows": (method("role").cls(), MultiLabel.from_single(y), None),
        "still weights": (method("ce").cls(), Noisy(y, 3), None),
        "order of memory": (method("ce").cls(), Noisy(y, 3), None),
    }
    class Still(nn.Module):  # one layer that is frozen and one that no output asks
        def __init__(self):
            super().__init__()
            self.frozen, self.unused, self.head = nn.Linear(5, 8), nn.Linear(5, 8), nn.Linear(8, 3)
            self.frozen.requires_grad_(False)
        def forward(self, x):
            return self.head(torch.relu(self.frozen(x)))
    def images():
        parts = nn.Unflatten(1, (5, 1, 1)), nn.ConvTranspose2d(5, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)
        return nn.Sequential(*parts).to(memory_format=torch.channels_last)
    networks = {"still weights": Still, "order of memory": images}
    disk = folder / ("one" if world is None else str(world.rank))  # machines that share no disk
    disk.mkdir(exist_ok=True)
    for name, (objective, labels, its_law) in cases.items():
        def fresh():
            return Run(x, labels, objective, lambda m: build(networks.get(name, "mlp"), (5,), 3, m, (8,)), Config(
                epochs=4, batch_size=20, precision="float64", average=0.9, weight_decay=0.01), law=its_law,
                needs={"noise_rate": 0.2, "prior": torch.full((3,), 0.4)}, w=w, world=world)
        run = fresh().fit()
        mine = None if run.memory[0]["rows"] is None else len(run.memory[0]["rows"])
        fresh().fit(save=disk / name, stop_after=13)
        again = fresh().fit(save=disk / name)
        first, second = run.state(), again.state()
        same = all(torch.equal(v, second[k]) for k, v in first.items())
        out[name] = {"z": run.logits(x)[0].tolist(), "mine": mine, "resumed": same}
    try:
        Run(x, Noisy(y, 3), method("mixup").cls(), lambda m: build("linear", (5,), 3, m), Config(), world=world)
    except SfumatoError as error:
        out["refused"] = str(error)
    try:
        Run(x, Noisy(y, 3), method("ce").cls(), lambda m: build("mlp", (5,), 3, m, (8,), 0.5), Config(), world=world)
    except SfumatoError as error:
        out["refused dropout"] = str(error)
    try:
        fresh().load(disk / "nothing")
    except SfumatoError as error:
        out["no file"] = str(error)
    if world is None or world.rank == 0:
        (folder / ("one.json" if alone else "two.json")).write_text(json.dumps(out))
    """
)


def test_two_processes_equal_one(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29531"]
    for command in ([sys.executable, script, tmp_path, "alone"], [*run, script, tmp_path]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    for name in set(one) - {"no file"}:
        torch.testing.assert_close(torch.tensor(one[name]["z"]), torch.tensor(two[name]["z"]), rtol=1e-9, atol=1e-11)
        assert one[name]["resumed"] and two[name]["resumed"]
    assert (one["belief"]["mine"], two["belief"]["mine"]) == (101, 51)  # memory is shared out by row
    assert "refused" not in one and "refused dropout" not in one
    assert "names forward, rng, x" in two["refused"]
    assert "Dropout" in two["refused dropout"]
    assert "nothing" in one["no file"] and "nothing" in two["no file"]


def test_without_torchrun_it_says_so(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ParameterError, match="torchrun"):
        join()
    with pytest.raises(ParameterError, match="process group"):
        World()
