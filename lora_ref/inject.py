"""Put a method into any model by module name, and say what matched and what did not."""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import nn


class Injected(NamedTuple):
    """Names of the modules that were wrapped, and of the linear modules that were not."""

    matched: list[str]
    skipped: list[str]


def inject(
    model: nn.Module,
    targets: str | Iterable[str] = "all-linear",
    wrap: Callable[[nn.Module], nn.Module] | None = None,
) -> Injected:
    """Freeze `model`, then replace each target module by `wrap(module)`, in place.

    targets: "all-linear" for every linear layer but the output head, as PEFT counts them; or
    module names, each matching a whole name or its last parts ("q_proj" matches
    "layers.0.attention.q_proj"); or one such name.
    wrap: makes the new module from the old one; by default `LoRALinear` with its defaults.
    Raises ValueError when a name matches nothing (with the nearest names) or when a target's
    weight is shared with another module, where an adapter would change both.
    """
    if wrap is None:
        from lora_ref.lora import LoRALinear as wrap

    linear = {name: module for name, module in model.named_modules() if _is_linear(module)}
    if targets == "all-linear":
        matched = [name for name, module in linear.items() if not _is_head(model, name, module)]
        if not matched:
            raise ValueError(f"{type(model).__name__} has no linear layer to adapt; name the modules instead")
    else:
        wanted = [targets] if isinstance(targets, str) else list(targets)
        every = dict(model.named_modules())
        matched = [name for name in every if any(_matches(name, target) for target in wanted)]
        for target in wanted:
            if not any(_matches(name, target) for name in matched):
                raise ValueError(_nothing_matched(target, every))
    _refuse_tied(model, matched)

    places = [(model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in matched]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        wrapped = [wrap(getattr(parent, child)) for parent, child in places]
    except Exception:
        for parameter in trained:  # as it was: a method freezes what it wraps
            parameter.requires_grad_(True)
        raise
    model.requires_grad_(False)
    for (parent, child), module in zip(places, wrapped, strict=True):
        setattr(parent, child, module)
    return Injected(matched, [name for name in linear if name not in matched])


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def _matches(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)


def _is_head(model: nn.Module, name: str, module: nn.Module) -> bool:
    """The layer that makes the logits: what the model calls its output embeddings, or "lm_head"."""
    get_head = getattr(model, "get_output_embeddings", None)
    return module is (get_head() if get_head else None) or _matches(name, "lm_head")


def _refuse_tied(model: nn.Module, names: list[str]) -> None:
    owners: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):  # one module under two names is shared too
        if isinstance(getattr(module, "weight", None), nn.Parameter):
            owners.setdefault(id(module.weight), []).append(name)
    for name in names:
        weight = getattr(model.get_submodule(name), "weight", None)
        if other := [owner for owner in owners.get(id(weight), []) if owner != name]:
            raise ValueError(
                f"{name!r} shares its weight with {other[0]!r}: an adapter merged into one would change both; "
                "untie them first or leave this module out"
            )


def _nothing_matched(target: str, every: dict[str, nn.Module]) -> str:
    last_parts = {re.sub(r"^.*\.", "", name) for name in every if name and not name.rpartition(".")[2].isdigit()}
    near = difflib.get_close_matches(target, sorted(last_parts), n=3, cutoff=0.4) or sorted(last_parts)[:8]
    return f"no module is named {target!r}; the nearest names are {', '.join(near)}"
