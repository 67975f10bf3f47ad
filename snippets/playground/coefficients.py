"""What the playground multiplies and adds: coefficients of every result, for every model and set-up, from `lora_ref`.

A result is a form a + b n + c s + d t + e t n: n is the size that is chosen (a rank, tokens, a width), s the sequence length, t
the tokens of a batch. The functions of `lora_ref` are asked at a few points and held against the form at others, so no
formula is written twice. What is no such form is a list over RANKS; what is not derived is null.
"""

from functools import cache

DEVICE = "cpu"
START_RANK, START_ALPHA, START_BATCH, START_SEQUENCE = 16, 16, 1, 1024  # where the page starts
MIB = 1_048_576  # bytes
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ALPHAS = (8, 16, 32, 64)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
SEQUENCES = (128, 256, 512, 1024, 2048, 4096, 8192)
FAMILIES = ("llama", "mistral", "qwen2")
CHOICES = {
    "method": ("lora", "qlora", "dora", "full", "adapter", "prefix", "prompt", "IA3", "bitfit"),
    "targets": ("all-linear", "attention", "mlp", "qv"),
    "precision": ("bf16", "fp32", "mixed"),
    "adapter": ("fp32", "base"),
    "optimizer": ("adamw", "adamw_foreach", "eight_bit", "momentum", "sgd"),
    "checkpointing": ("off", "on"),
}
MODULES = {
    "all-linear": "all-linear",
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "qv": ("q_proj", "v_proj"),
}
POINTS = ((1, 1, 128), (2, 1, 128), (1, 1, 256), (1, 2, 128), (4, 2, 512))  # size, batch, sequence
OTHERS = ((256, 64, 8192), (16, 3, 1024), (8, 1, 2048))
SEEDS = (0,)
READS = ("lora_ref/models.json",)
ARTIFACTS = ("tables.json",)
MEANING = {
    "models": "models that the playground knows",
    "coefficients": "coefficients that the playground can use",
}
PEFT = """from peft import {kind}, get_peft_model

config = {kind}(
    task_type="CAUSAL_LM",{arguments}
)
model = get_peft_model(model, config{cast})"""
ARGUMENTS = {
    "lora": "\n    r={size},\n    lora_alpha={alpha},\n    target_modules={modules},",
    "dora": "\n    r={size},\n    lora_alpha={alpha},\n    target_modules={modules},\n    use_dora=True,",
    "prefix": "\n    num_virtual_tokens={size},",
    "prompt": "\n    num_virtual_tokens={size},",
    "IA3": "",
}
KINDS = {"prefix": "PrefixTuningConfig", "prompt": "PromptTuningConfig", "IA3": "IA3Config"}
WITHOUT_PEFT = {
    "full": "model.requires_grad_(True)",
    "bitfit": 'for name, parameter in model.named_parameters():\n    parameter.requires_grad_(name.endswith(".bias"))',
    "adapter": "# PEFT has no bottleneck adapters",
}


def run(seed, report):
    import json
    from inspect import signature

    from lora_ref import count
    from lora_ref.forms import numbers, tree

    names = [name for name in count.names() if count.model(name)["model_type"] in FAMILIES]
    leaves = (trained, everything, base, file, flops, frozen, weights, copy, gradients, optimizer, step, moments)
    axes = {
        leaf.__name__: [name for name in signature(leaf).parameters if name != "model"] for leaf in (*leaves, config)
    }
    models = {}
    for done, name in enumerate(names):
        models[name] = {leaf.__name__: tree(leaf, choices(axes[leaf.__name__]), {"model": name}) for leaf in leaves}
        report(done + 1, len(names))
    tables = {"axes": axes, "ranks": RANKS, "mib": MIB, "config": tree(config, choices(axes["config"]))} | models
    lines = [f"{json.dumps(key)}:{json.dumps(part, separators=(',', ':'))}" for key, part in tables.items()]
    report.artifact("tables.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    return {"models": len(names), "coefficients": sum(1 for _ in numbers(models))}


def choices(axes):
    return {axis: CHOICES[axis] for axis in axes}


# --- one result each: its arguments are the controls that it depends on ---


def trained(model, method, targets):
    return in_size(lambda size: numbers_trained(model, method, targets, size))


def everything(model, method, targets):
    """What PEFT divides by: the base, and what is added to it."""
    from lora_ref import count

    if method in ("full", "bitfit"):
        return [count.total_parameters(model)]
    return in_size(lambda size: count.total_parameters(model) + (numbers_trained(model, method, targets, size) or 0))


def base(model):
    from lora_ref import count

    return [count.total_parameters(model)]


def file(model, method, targets, precision, adapter):
    """Bytes of the adapter's file, a value for each of RANKS: its header grows with the digits in it."""
    from lora_ref import checkpoint

    dtype = dtypes(method, precision, adapter)[1]
    if method in ("lora", "qlora"):
        return {"by": [checkpoint.lora_file_size(model, rank, MODULES[targets], dtype) for rank in RANKS]}
    if method == "prefix":
        return {"by": [checkpoint.prefix_file_size(model, tokens, dtype) for tokens in RANKS]}
    return None


def flops(model, method, checkpointing):
    """bound + trained / over."""
    from lora_ref import count

    if method == "full":
        return {"bound": 1}
    if method not in ("lora", "qlora"):
        return None
    over = count.matrix_parameters(model)
    return {"bound": count.flops_ratio(0, over, checkpointing == "on"), "over": over}


def frozen(model, method, precision):
    return in_size(lambda size: ledger(model, method, "all-linear", precision, "fp32", "adamw", size), "frozen")


def weights(model, method, targets, precision, adapter):
    return in_size(lambda size: ledger(model, method, targets, precision, adapter, "adamw", size), "trained")


def copy(model, method, precision, optimizer):
    return in_size(lambda size: ledger(model, method, "all-linear", precision, "fp32", optimizer, size), "copy")


def gradients(model, method, targets, precision, adapter):
    return in_size(lambda size: ledger(model, method, targets, precision, adapter, "adamw", size), "gradients")


def optimizer(model, method, targets, precision, adapter, optimizer):
    return in_size(lambda size: ledger(model, method, targets, precision, adapter, optimizer, size), "optimizer")


def step(model, method, targets, precision, adapter, optimizer):
    """What the optimizer makes and drops at its step."""
    optimizer = keeps(method, precision, optimizer)
    dtype, adapter_dtype = dtypes(method, precision, adapter)
    if optimizer is None or method not in ("full", "lora", "qlora"):
        return None
    targets = targets if method != "full" else None
    return form(lambda *point: asked(model, targets, dtype, adapter_dtype, optimizer, False, *point)[-1].temporaries)


def moments(model, method, targets, precision, adapter, checkpointing):
    """Those of the backward pass that can be the fullest: [gradients, activations, temporaries] each."""
    if method not in ("full", "lora", "qlora"):
        return None
    dtype, adapter_dtype = dtypes(method, precision, adapter)
    return of_backward(model, targets if method != "full" else None, dtype, adapter_dtype, checkpointing == "on")


def config(method, targets, adapter):
    if method in WITHOUT_PEFT:
        return WITHOUT_PEFT[method]
    method = "lora" if method == "qlora" else method
    modules = MODULES[targets]
    written = f'"{modules}"' if isinstance(modules, str) else "[" + ", ".join(f'"{name}"' for name in modules) + "]"
    text = PEFT.replace("{kind}", KINDS.get(method, "LoraConfig")).replace("{arguments}", ARGUMENTS[method])
    return text.replace("{modules}", written).replace(
        "{cast}", "" if adapter == "fp32" else ", autocast_adapter_dtype=False"
    )


# --- what they ask ---


def numbers_trained(model, method, targets, size):
    from lora_ref import count

    match method:
        case "full":
            return count.total_parameters(model)
        case "lora" | "qlora":
            return count.lora_parameters(model, size, MODULES[targets])
        case "dora":
            return count.dora_parameters(model, size, MODULES[targets])
        case "adapter":
            return count.adapter_parameters(model, size, "houlsby")
        case "prefix":
            return count.prefix_parameters(model, size)
        case "prompt":
            return count.prompt_parameters(model, size)
        case "IA3":
            return count.ia3_parameters(model)
        case _:
            return count.bias_parameters(model) or None  # nothing to train: not applicable


def dtypes(method, precision, adapter):
    """Of the base, and of what is trained beside it."""
    computed = "fp32" if precision == "fp32" and method != "qlora" else "bf16"
    return "nf4" if method == "qlora" else computed, "fp32" if adapter == "fp32" else computed


def keeps(method, precision, optimizer):
    """The optimizer as lora_ref.memory names it; None for what it does not derive."""
    if method == "full" and precision == "mixed":
        return "adamw_copy" if optimizer == "adamw" else None
    if optimizer == "eight_bit":  # counted by tensor, which the others' closed forms do not list
        return "adamw_8bit" if method in ("full", "lora", "qlora") else None
    return optimizer


@cache
def ledger(model, method, targets, precision, adapter, optimizer, size):
    from lora_ref import count, memory

    optimizer = keeps(method, precision, optimizer)
    whole, numbers = count.total_parameters(model), numbers_trained(model, method, targets, size)
    dtype, adapter_dtype = dtypes(method, precision, adapter)
    if optimizer is None or numbers is None:
        return None
    if method == "full":
        return memory.full_ledger(model, dtype, optimizer)
    if method in ("lora", "qlora"):
        return memory.lora_ledger(model, size, MODULES[targets], dtype, adapter_dtype, optimizer)
    if method == "bitfit":
        return memory.ledger(numbers, whole - numbers, dtype, dtype, optimizer)
    return memory.ledger(numbers, whole, adapter_dtype, dtype, optimizer)


@cache
def of_backward(model, targets, dtype, adapter_dtype, checkpointing):
    def part(at, which):
        return lambda *point: asked(*how, *point)[at][which]

    how = (model, targets, dtype, adapter_dtype, "adamw", checkpointing)
    values = [sum(moments, ()) for moments in zip(*(asked(*how, *point)[:-1] for point in POINTS), strict=True)]
    places = [at for at in range(len(values)) if values[at] not in values[:at] and not on_a_line(values, at)]
    found = [[form(part(at, which)) for which in range(3)] for at in places]
    return [one for one in found if not any(exceeds(other, one) for other in found)]


@cache
def asked(model, targets, dtype, adapter_dtype, optimizer, checkpointing, size, batch, sequence):
    """All moments of a step; targets: None where everything is trained."""
    from lora_ref import memory

    if targets is None:
        return memory.full_moments(model, batch, sequence, dtype, optimizer, checkpointing)
    how = (MODULES[targets], dtype, adapter_dtype, optimizer, checkpointing)
    return memory.lora_moments(model, batch, sequence, size, *how)


# --- forms ---


def basis(size, batch, sequence):
    return [1, size, sequence, batch * sequence, batch * sequence * size]


def form(function):
    from lora_ref import forms

    return forms.form(function, basis, POINTS, OTHERS)


def in_size(function, key=None):
    """A form of the size alone, or a list over RANKS."""

    def at(size):
        found = function(size)
        return found[key] if key and found else found

    if at(RANKS[0]) is None:
        return None
    try:
        return form(lambda size, *tokens: at(size))
    except ValueError:
        return {"by": [at(rank) for rank in RANKS]}


def on_a_line(values, at):
    """Whether a moment lies halfway between two others, as most blocks do: then one of those is as full."""
    return any(
        all(a + c == 2 * b for a, b, c in zip(values[at - by], values[at], values[at + by], strict=True))
        for by in range(1, 9)
        if by <= at < len(values) - by
    )


def exceeds(one, other):
    """Whether a moment is nowhere smaller than another, and somewhere larger."""
    one, other = total(one), total(other)
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def total(moment):
    return [sum(part[at] for part in moment if at < len(part)) for at in range(len(POINTS))]
