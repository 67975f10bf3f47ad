"""The playground of docs/playground.md: its script against lora_ref, to the last digit; its controls, address, states.

A set-up is a dict of the controls' values, as the address and the script name them.
"""

import itertools
import json
import random
from functools import cache

import pytest

from browser.serving import DOCS
from lora_ref import checkpoint, count, memory
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PAGE = "playground/"
PROGRAM = programs(find_project(DOCS))["playground/coefficients"].constants
TABLES = json.loads((DOCS / "records/playground/tables.json").read_text(encoding="utf-8"))
MODELS = [name for name in count.names() if count.model(name)["model_type"] in ("llama", "mistral", "qwen2")]
CONTROLS = {
    "model": MODELS,
    "method": list(PROGRAM["CHOICES"]["method"]),
    "rank": [str(rank) for rank in PROGRAM["RANKS"]],
    "alpha": [str(alpha) for alpha in PROGRAM["ALPHAS"]] + ["once", "twice"],
    "targets": list(PROGRAM["CHOICES"]["targets"]),
    "precision": list(PROGRAM["CHOICES"]["precision"]),
    "adapter": list(PROGRAM["CHOICES"]["adapter"]),
    "optimizer": list(PROGRAM["CHOICES"]["optimizer"]),
    "batch": [str(batch) for batch in PROGRAM["BATCHES"]],
    "sequence": [str(sequence) for sequence in PROGRAM["SEQUENCES"]],
    "checkpointing": ["off", "on"],
}
FIRST = {
    "model": "Llama-2-7B", "method": "lora", "rank": "16", "alpha": "16", "targets": "all-linear", "precision": "bf16",
    "adapter": "fp32", "optimizer": "adamw", "batch": "1", "sequence": "1024", "checkpointing": "off",
}  # fmt: skip
TARGETS = {
    "all-linear": "all-linear",
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "qv": ("q_proj", "v_proj"),
}
RESULTS = "([tables, sets]) => sets.map(set => customElements.get('lora-playground').results(tables, set))"


# --- what lora_ref says ---


@cache
def trained(model, method, targets, size):
    match method:
        case "full":
            return count.total_parameters(model)
        case "lora" | "qlora":
            return count.lora_parameters(model, size, TARGETS[targets])
        case "dora":
            return count.dora_parameters(model, size, TARGETS[targets])
        case "adapter":
            return count.adapter_parameters(model, size, "houlsby")
        case "prefix":
            return count.prefix_parameters(model, size)
        case "prompt":
            return count.prompt_parameters(model, size)
        case "IA3":
            return count.ia3_parameters(model)
        case "bitfit":
            return count.bias_parameters(model) or None
    raise ValueError(method)


def expected(chosen):
    """Every result of a set-up, straight from the closed forms."""
    model, method, targets = chosen["model"], chosen["method"], chosen["targets"]
    size, again = int(chosen["rank"]), chosen["checkpointing"] == "on"
    numbers, base = trained(model, method, targets, size), count.total_parameters(model)
    computed = "fp32" if chosen["precision"] == "fp32" and method != "qlora" else "bf16"
    dtype = "nf4" if method == "qlora" else computed
    beside = "fp32" if chosen["adapter"] == "fp32" else computed
    optimizer: str | None = chosen["optimizer"].replace("eight_bit", "adamw_8bit")
    if method == "full" and chosen["precision"] == "mixed":
        optimizer = "adamw_copy" if optimizer == "adamw" else None
    if method not in ("full", "lora", "qlora") and optimizer == "adamw_8bit":
        optimizer = None
    found = {"trained": numbers, "share": None, "shareOfBase": None, "file": None, "flops": None}
    if numbers is not None:
        found["share"] = numbers / (base if method in ("full", "bitfit") else base + numbers)
        found["shareOfBase"] = numbers / base
    if method in ("lora", "qlora"):
        found["file"] = checkpoint.lora_file_size(model, size, TARGETS[targets], beside)
        found["flops"] = count.flops_ratio(numbers, count.matrix_parameters(model), again)
    if method == "prefix":
        found["file"] = checkpoint.prefix_file_size(model, size, beside)
    if method == "full":
        found["flops"] = 1
    kept, peak = ledger(model, method, targets, size, dtype, beside, optimizer, numbers, base), {}
    if kept and method in ("full", "lora", "qlora"):
        peak = at_peak(
            model, method, targets, size, dtype, beside, optimizer, again, int(chosen["batch"]), int(chosen["sequence"])
        )
    return found | {"kept": kept, "peak": peak}


@cache
def ledger(model, method, targets, size, dtype, beside, optimizer, numbers, base):
    if optimizer is None or numbers is None:
        return {}
    if method == "full":
        return memory.full_ledger(model, dtype, optimizer)
    if method in ("lora", "qlora"):
        return memory.lora_ledger(model, size, TARGETS[targets], dtype, beside, optimizer)
    if method == "bitfit":
        return memory.ledger(numbers, base - numbers, dtype, dtype, optimizer)
    return memory.ledger(numbers, base, beside, dtype, optimizer)


@cache
def at_peak(model, method, targets, size, dtype, beside, optimizer, again, batch, sequence):
    if method == "full":
        return memory.full_at_peak(model, batch, sequence, dtype, optimizer, again)
    return memory.lora_at_peak(model, batch, sequence, size, TARGETS[targets], dtype, beside, optimizer, again)


def differences(chosen, got, known=None):
    """Where the script says another number, to the last digit."""
    known = known or expected(chosen)
    kept, peak = known["kept"], known["peak"]
    pairs = [(name, known[name], got[name]) for name in ("trained", "share", "shareOfBase", "file", "flops")]
    pairs += [("keptTotal", kept.get("total"), got["keptTotal"])]
    pairs += [("peakTotal", sum(peak.values()) if peak else None, got["peakTotal"])]
    for purpose, theirs in {
        "frozen": "frozen",
        "trained": "weights",
        "copy": "copy",
        "gradients": "gradients",
        "optimizer": "optimizer",
    }.items():
        if kept:
            pairs += [(f"kept {purpose}", kept[purpose], got["kept"][theirs])]
    for purpose in peak:
        pairs += [(f"peak {purpose}", peak[purpose], got["peak"][purpose.replace("trained", "weights")])]
    if not peak:
        pairs += [("peak", {}, got["peak"])]
    return [
        f"{name}: lora_ref {ours!r}, script {theirs!r} for {chosen}" for name, ours, theirs in pairs if ours != theirs
    ]


# --- set-ups ---


def all_pairs(controls, seed=0):
    """Set-ups in which any two values of any two controls meet; greedy."""
    draw = random.Random(seed)
    names = list(controls)
    left = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x, y in itertools.product(controls[a], controls[b])
    }
    found = []
    while left:
        pair = min(left) if len(left) < 50 else next(iter(sorted(left)[:1]))
        best = max(
            ({name: draw.choice(controls[name]) for name in names} | dict(pair) for _ in range(12)),
            key=lambda one: sum(new in left for new in itertools.combinations(one.items(), 2)),
        )
        found.append(best)
        left -= set(itertools.combinations(best.items(), 2))
    return found


def at_random(number, seed):
    draw = random.Random(seed)
    return [{name: draw.choice(values) for name, values in CONTROLS.items()} for _ in range(number)]


def every_row(seed=0):
    """Each branch of each table once, at some size and some tokens: what a method leaves unread is not varied."""
    draw = random.Random(seed)
    read = {
        "lora": ("targets", "precision", "adapter", "optimizer", "checkpointing"),
        "qlora": ("targets", "adapter", "optimizer", "checkpointing"),
        "dora": ("targets", "precision", "adapter", "optimizer"),
        "full": ("precision", "optimizer", "checkpointing"),
    }
    for model, method in itertools.product(MODELS, CONTROLS["method"]):
        axes = read.get(method, ("precision", "adapter", "optimizer"))
        for values in itertools.product(*(CONTROLS[axis] for axis in axes)):
            rest = {name: draw.choice(choices) for name, choices in CONTROLS.items()}
            yield rest | {"model": model, "method": method} | dict(zip(axes, values, strict=True))


@pytest.fixture
def results(opened):
    tab = opened(PAGE)
    tab.wait_for_function("!!customElements.get('lora-playground')")
    return lambda sets, tables=TABLES: tab.evaluate(RESULTS, [tables, sets])


def compare(results, sets):
    wrong = [line for one, got in zip(sets, results(sets), strict=True) for line in differences(one, got)]
    assert not wrong, "\n".join(wrong[:10])


def test_all_pairs_of_values(results):
    sets = all_pairs(CONTROLS)
    met = {pair for one in sets for pair in itertools.combinations(one.items(), 2)}
    wanted = [len(a) * len(b) for a, b in itertools.combinations(CONTROLS.values(), 2)]
    assert len(met) == sum(wanted)
    compare(results, sets)


def test_random_set_ups(results):
    compare(results, at_random(5000, seed=4))


def test_tables_in_full(results):
    compare(results, list(every_row()))
