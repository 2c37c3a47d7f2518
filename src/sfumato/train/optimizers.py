"""The optimizers of a run: one for each network, one for what is learned beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sfumato.core.errors import ParameterError
from sfumato.learn.objective import Objective

from . import tree
from .config import Config


def of_network(config: Config, net: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a network's weights."""
    parameters = list(net.parameters())
    if not parameters:
        raise ParameterError("a network without weights", "at least one parameter to train")
    # a fused kernel walks memory from end to end: a weight with gaps in it (a view of another tensor) is not for it;
    # one without a shape yet will have none
    fused = all(
        p.device.type in ("cpu", "cuda") and (is_lazy(p) or torch.empty_like(p).stride() == p.stride())
        for p in parameters
    )
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay, fused=fused)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, config.lr, weight_decay=config.weight_decay, fused=fused)


def laid_out(values: Tensor, p: Tensor) -> Tensor:
    """Values of a weight's shape, in its own order of memory: PyTorch's fused kernels walk weight, gradient and moments
    side by side in memory and never look at strides. Gradients from ``backward`` come so; all others pass here.
    """
    return values if values.stride() == p.stride() else torch.empty_like(p).copy_(values)


KERNELS = {torch.optim.Adam: torch._fused_adam_, torch.optim.AdamW: torch._fused_adamw_}


@torch.no_grad()
def advance(optimizer: torch.optim.Optimizer) -> None:
    """One step of the optimizer. Fused Adam after its first step goes straight to PyTorch's kernel: what
    ``Optimizer.step`` looks up each time takes as long as the kernel does for an MLP of 400,000 weights, and the
    function between the two a quarter of it. Gradients must be ``laid_out`` as their weights are.
    """
    group, state = optimizer.param_groups[0], optimizer.state
    members = [p for p in group["params"] if p.grad is not None]
    if isinstance(optimizer, torch.optim.SGD):
        for p in members:  # PyTorch's fused step refuses weights of which some have moved before and some have not
            if state[p].get("momentum_buffer") is None:
                state[p]["momentum_buffer"] = torch.zeros_like(p)
    known = type(optimizer) in KERNELS and len(optimizer.param_groups) == 1
    if not (known and group["fused"] and members and all(p in state for p in members)):
        optimizer.step()
        return
    kept = [state[p] for p in members]
    steps = [old["step"] for old in kept]
    torch._foreach_add_(steps, 1)
    KERNELS[type(optimizer)](
        members,
        [p.grad for p in members],
        [old["exp_avg"] for old in kept],
        [old["exp_avg_sq"] for old in kept],
        [],
        steps,
        amsgrad=False,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=False,
    )


def forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """What ``zero_grad(set_to_none=True)`` does, without its bookkeeping."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None


def of_learned(
    config: Config, objective: Objective, learned: nn.ModuleDict, memory: dict[str, Any]
) -> torch.optim.Optimizer | None:
    """Plain SGD, each with its own rate, for learned needs and trainable rows; None where there are none."""
    rates = objective.rates
    groups = [
        {"params": list(module.parameters()), "lr": rates.get(need, config.lr)} for need, module in learned.items()
    ]
    rows = [leaf for _, leaf in tree.leaves(memory["rows"]) if isinstance(leaf, nn.Parameter)]
    if rows:
        groups.append({"params": rows, "lr": rates.get("rows", config.lr)})
    return torch.optim.SGD(groups, lr=config.lr) if groups else None
