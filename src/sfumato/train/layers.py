"""A network as a chain of layers: which there are, drawing some of them anew, and what an optimiser is given."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from sfumato.core.errors import ParameterError
from sfumato.core.streams import key

from .optimizers import laid_out

if TYPE_CHECKING:
    from .loop import Run
    from .words import Words

Layers = tuple[tuple[str, ...], ...]


def chain(net: nn.Module) -> Layers:
    """The names of the parameters of each layer, from the input on.

    A layer is a module with parameters that stands in the network itself or in an nn.Sequential of it; one with
    vectors alone (a norm) belongs to the layer before it.
    """
    found: list[tuple[str, ...]] = []
    for part, module in _parts(net, ""):
        names = [(f"{part}.{name}" if part else name, p.ndim) for name, p in module.named_parameters()]
        if not names:
            continue
        own = tuple(name for name, _ in names)
        if found and all(size < 2 for _, size in names):
            found[-1] += own
        else:
            found.append(own)
    return tuple(found)


def _parts(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    children = list(module.named_children())
    if not children or any(True for _ in module.parameters(recurse=False)):
        yield name, module
        return
    for child, inner in children:
        path = f"{name}.{child}" if name else child
        yield from _parts(inner, path) if isinstance(inner, nn.Sequential) else [(path, inner)]


def begin(run: Run, member: int, words: Words) -> None:
    """Draw anew whatever the hook ``afresh`` says is due at this step and was not at the step before."""
    function, names = run.hooks["afresh"]
    given = {name: words[name] for name in names}
    due = function(**given)
    done, total = run.epoch * run.sampler.steps + run.step, run.config.epochs * run.sampler.steps
    before = function(**given | ({"progress": (done - 1) / total} if "progress" in names else {})) if done else ()
    for number in range(len(before), len(due)):
        draw(run, member, due[number], number)


def draw(run: Run, member: int, names: tuple[str, ...], number: int) -> None:
    """Draw the modules that hold these parameters as their constructor does, from a stream of their own; their
    optimiser begins with them.
    """
    net, chosen = run.nets[member], set(names)
    for at, (path, module) in enumerate(net.named_modules()):
        own = {f"{path}.{name}" if path else name for name, _ in module.named_parameters(recurse=False)}
        if not own & chosen:
            continue
        if not callable(getattr(module, "reset_parameters", None)):
            raise ParameterError(
                f"{type(run.objective).__name__} draws layer {path!r} anew, a {type(module).__name__}",
                "layers that have a method reset_parameters",
                "build the network of torch's own layers",
            )
        twin = copy.deepcopy(module).to("cpu")  # one stream on every device
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(key(run.config.seed, "afresh", member, number, at))
            twin.reset_parameters()
        module.load_state_dict(twin.state_dict())
        for p in module.parameters(recurse=False):
            run.optimizers[member].state.pop(p, None)


@torch.no_grad()
def hand_over(run: Run, member: int, words: Words) -> None:
    """Give the optimiser what the hook ``gradient`` makes of the gradients; a parameter that it leaves out stands
    still: no step, no momentum, no weight decay.
    """
    parameters = dict(run.nets[member].named_parameters())
    words["gradients"] = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    given = run.call("gradient", words)
    for name, p in parameters.items():
        gradient = given.get(name)
        p.grad = None if gradient is None else laid_out(gradient, p)
