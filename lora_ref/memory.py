"""Closed forms: where the bytes of a training step go, as a ledger and as a predicted peak.

The ledger adds up what has to stand there: weights, gradients, optimizer states. It is not the peak, since
gradients appear while activations go. The peak is

    weights + optimizer states + max(during the backward pass: gradients so far + activations still held,
                                     at the optimizer step: gradients + the optimizer's temporaries)

from the second step on (Adam's states appear at the end of the first) and with gradients set to None after
each step. Every result is in bytes; 1 GB is 10**9 of them. A `model` is what it is in count.py.
What is not derived is refused with an error. Standard library only.
"""

from collections.abc import Iterable
from math import ceil, prod
from typing import Any, NamedTuple

from lora_ref.count import (
    adapted_linears,
    config,
    head_parameters,
    is_tied,
    linear_shapes,
    lora_parameters,
    matched,
    matrix_parameters,
    total_parameters,
)

# Bytes a number. NF4: 4 bits, an 8-bit scale for each 64 of them, an fp32 scale for each 256 of those
# (QLoRA's double quantization, Dettmers et al. 2023, section 3).
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1, "nf4": (4 + 8 / 64 + 32 / (64 * 256)) / 8}


class Optimizer(NamedTuple):
    """What an optimizer keeps beside the weights that it trains."""

    states: int  # numbers for each trained one
    states_dtype: str = ""  # "": that of the trained weights; "8bit": `state_8bit`
    copy: bool = False  # whether it keeps an fp32 copy of the weights and works on that
    temporaries: int = 0  # copies of what is trained that it makes and drops at the step


# On a GPU PyTorch runs AdamW as "foreach" unless told otherwise; its temporaries are one more copy of what is
# trained. "adamw" here is AdamW(fused=True), which needs none.
OPTIMIZERS = {
    "sgd": Optimizer(states=0),
    "momentum": Optimizer(states=1),
    "adamw": Optimizer(states=2),
    "adamw_foreach": Optimizer(states=2, temporaries=1),
    "adamw_8bit": Optimizer(states=2, states_dtype="8bit"),
    "adamw_copy": Optimizer(states=2, states_dtype="fp32", copy=True),
}

# Training schemes by name, as arguments of the functions below: full_ledger(model, **FULL_SCHEMES["mixed"]).
# "mixed" of full fine-tuning is the 16 bytes a number of ZeRO (Rajbhandari et al. 2020, section 3.1): weights and
# gradients in bf16, an fp32 copy, fp32 states. For LoRA it is what PEFT makes of a bf16 model unless told
# otherwise: adapters in fp32, which need no copy. "nf4" is QLoRA.
FULL_SCHEMES: dict[str, dict[str, Any]] = {
    "fp32": {"dtype": "fp32", "optimizer": "adamw"},
    "mixed": {"dtype": "bf16", "optimizer": "adamw_copy"},
    "bf16": {"dtype": "bf16", "optimizer": "adamw"},
    "bf16_8bit": {"dtype": "bf16", "optimizer": "adamw_8bit"},
}
LORA_SCHEMES: dict[str, dict[str, Any]] = {
    "fp32": {"dtype": "fp32", "adapter_dtype": "fp32", "optimizer": "adamw"},
    "mixed": {"dtype": "bf16", "adapter_dtype": "fp32", "optimizer": "adamw"},
    "bf16": {"dtype": "bf16", "adapter_dtype": "bf16", "optimizer": "adamw"},
    "bf16_8bit": {"dtype": "bf16", "adapter_dtype": "bf16", "optimizer": "adamw_8bit"},
    "nf4": {"dtype": "nf4", "adapter_dtype": "fp32", "optimizer": "adamw"},
}


# --- the ledger ---


def size(numbers: float, dtype: str) -> float:
    """Bytes of so many numbers in a dtype of BYTES."""
    return numbers * _known("dtype", dtype, BYTES)


def model_size(model: str | dict, dtype: str) -> float:
    """Bytes of a model's weights. Of "nf4" only linear layers are, without the head; the rest is bf16."""
    total = total_parameters(model)
    if dtype != "nf4":
        return size(total, dtype)
    quantized = matrix_parameters(model) - head_parameters(model)
    return size(quantized, "nf4") + size(total - quantized, "bf16")


def optimizer_size(trained: int, optimizer: str = "adamw", dtype: str = "fp32") -> float:
    """Bytes of an optimizer's states for one trained tensor: AdamW, two numbers for each of its numbers."""
    states, states_dtype, *_ = _known("optimizer", optimizer, OPTIMIZERS)
    one = state_8bit(trained) if states_dtype == "8bit" else size(trained, states_dtype or dtype)
    return states * one


def state_8bit(trained: int) -> int:
    """Bytes of one 8-bit state of one tensor: a byte a number, and an fp32 scale for each block of 256.

    As bitsandbytes keeps it since its blocks are of 256 (they were of 2,048): a tensor of less than 4,096
    numbers stays in fp32 (its min_8bit_size).
    """
    return trained + 4 * ceil(trained / 256) if trained >= 4096 else 4 * trained


def copy_size(trained: int, optimizer: str = "adamw", dtype: str = "fp32") -> float:
    """Bytes of the fp32 copy of the trained weights that an optimizer works on; 0 where it keeps none."""
    if not _known("optimizer", optimizer, OPTIMIZERS).copy:
        return 0
    if dtype not in ("bf16", "fp16"):
        raise ValueError(
            f"{optimizer} keeps an fp32 copy of weights in bf16 or fp16, got trained weights in {dtype!r}; use adamw"
        )
    return size(trained, "fp32")


def ledger(
    trained: int,
    frozen: int = 0,
    trained_dtype: str = "fp32",
    frozen_dtype: str = "bf16",
    optimizer: str = "adamw",
) -> dict[str, float]:
    """Bytes by purpose for so many parameters: frozen, trained, copy, gradients, optimizer, total.

    Gradients and what the optimizer keeps belong to trained parameters only. Gradients have the trained
    weights' dtype, and so have the states unless the optimizer says otherwise.
    """
    return _ledger(size(frozen, frozen_dtype), trained, trained_dtype, optimizer)


def full_ledger(model: str | dict, dtype: str = "fp32", optimizer: str = "adamw") -> dict[str, float]:
    """The ledger of full fine-tuning: every parameter is trained.

    8-bit states are counted as if the model were one tensor. The norms of a model narrower than 4,096, which
    keep fp32 states, add less than a thousandth.
    """
    return _ledger(0, total_parameters(model), dtype, optimizer)


def lora_ledger(
    model: str | dict,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    optimizer: str = "adamw",
) -> dict[str, float]:
    """The ledger of LoRA: the model is frozen in `dtype`, A and B are trained in `adapter_dtype`."""
    trained = lora_parameters(model, rank=rank, targets=targets)
    # A (rank, d_in) and B (d_out, rank), once for each block
    tensors = [rank * d for each in adapted_linears(model, targets) for d in (each.d_in, each.d_out) * each.copies]
    return _ledger(model_size(model, dtype), trained, adapter_dtype, optimizer, tensors)


def _ledger(
    frozen_size: float, trained: int, dtype: str, optimizer: str, tensors: Iterable[int] = ()
) -> dict[str, float]:
    """tensors: the numbers in each trained tensor, where it matters that there are several."""
    trained_size = size(trained, dtype)
    _known("dtype of trained weights", dtype, ("fp32", "bf16", "fp16"))
    rows: dict[str, float] = {
        "frozen": frozen_size,
        "trained": trained_size,
        "copy": copy_size(trained, optimizer, dtype),
        "gradients": size(trained, dtype),
        "optimizer": sum(optimizer_size(numbers, optimizer, dtype) for numbers in tensors or [trained]),
    }
    return rows | {"total": sum(rows.values())}


# --- saved activations ---


class Saved(NamedTuple):
    """A tensor that the forward pass keeps for the backward pass."""

    shape: tuple[int, ...]
    dtype: str
    what: str  # which tensor, and the operation whose gradient needs it

    @property
    def bytes(self) -> int:
        return prod(self.shape) * (8 if self.dtype == "int64" else BYTES[self.dtype])


class Saves(NamedTuple):
    """All that a model saves: outside its blocks, in its first block, and in each of the others."""

    ends: list[Saved]
    first: list[Saved]
    block: list[Saved]
    blocks: int

    @property
    def bytes(self) -> int:
        return _sum(self.ends) + _sum(self.first) + (self.blocks - 1) * _sum(self.block)


class _Training(NamedTuple):
    """What is trained, as far as activations can tell."""

    dtype: str  # of the model and its activations
    adapted: frozenset[str] | None  # linear layers with an adapter; None: everything is trained
    adapter_dtype: str = ""
    rank: int = 0


def _lora(model: str | dict, rank: int, targets: str | tuple[str, ...], dtype: str, adapter_dtype: str) -> _Training:
    return _Training("bf16" if dtype == "nf4" else dtype, frozenset(matched(model, targets)), adapter_dtype, rank)


def full_saves(model: str | dict, batch: int, sequence: int, dtype: str = "fp32", checkpointing: bool = False) -> Saves:
    """The activations that full fine-tuning holds when its forward pass ends, tensor by tensor."""
    return _saves(model, batch, sequence, _Training(dtype, adapted=None), checkpointing)


def lora_saves(
    model: str | dict,
    batch: int,
    sequence: int,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    checkpointing: bool = False,
) -> Saves:
    """The activations that LoRA without dropout holds when its forward pass ends, tensor by tensor.

    A base in "nf4" computes in bf16: a weight is made anew in bf16 for each product and not kept.
    """
    return _saves(model, batch, sequence, _lora(model, rank, targets, dtype, adapter_dtype), checkpointing)


def full_activations(
    model: str | dict, batch: int, sequence: int, dtype: str = "fp32", checkpointing: bool = False
) -> int:
    """Bytes of `full_saves`."""
    return full_saves(model, batch, sequence, dtype, checkpointing).bytes


def lora_activations(
    model: str | dict,
    batch: int,
    sequence: int,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    checkpointing: bool = False,
) -> int:
    """Bytes of `lora_saves`."""
    return lora_saves(model, batch, sequence, rank, targets, dtype, adapter_dtype, checkpointing).bytes


def _saves(model: str | dict, batch: int, sequence: int, training: _Training, checkpointing: bool) -> Saves:
    """Hugging Face's Llama: sdpa attention, labels given, no padding mask, no cache.

    checkpointing: its gradient checkpointing of each block, with use_reentrant=False. A block keeps its input
    alone, and computes the rest anew in the backward pass.

    Autograd keeps what the gradient of an operation needs, and keeps nothing for a gradient that nobody asks
    for: a frozen linear layer does not keep its input, and what comes before the first trained parameter
    keeps nothing at all. Each storage counts once; parameters are no activations. Attention must run a fused
    kernel, which keeps no scores: for grouped queries in fp32 PyTorch may have none on a GPU.
    """
    fields = config(model)
    if fields["model_type"] not in ("llama", "mistral", "qwen2"):
        raise ValueError(
            f"saved activations are derived for llama, mistral and qwen2, not for {fields['model_type']}; "
            "measure this one with torch.autograd.graph.saved_tensors_hooks"
        )
    for dtype in {training.dtype, training.adapter_dtype} - {""}:
        _known("activation dtype", dtype, ("fp32", "bf16", "fp16"))
    full = training.adapted is None
    inputs = [Saved((batch, sequence, fields["hidden_size"]), training.dtype, "the block's input: computing it anew")]
    return Saves(
        ends=_ends(fields, batch, sequence, training),
        first=inputs if checkpointing else _block(fields, batch, sequence, training, live=full),
        block=inputs if checkpointing else _block(fields, batch, sequence, training, live=True),
        blocks=fields["num_hidden_layers"],
    )


def _block(fields: dict, batch: int, sequence: int, training: _Training, live: bool) -> list[Saved]:
    """One block. live: whether something before it is trained, so that its input needs a gradient."""
    shapes = linear_shapes(fields)
    d, q = shapes["q_proj"]
    kv = shapes["k_proj"][1]  # grouped queries share keys and values
    inner = shapes["gate_proj"][1]
    heads = fields["num_attention_heads"]
    dtype = training.dtype
    tokens = (batch, sequence)

    def trains(*names: str) -> bool:
        return training.adapted is None or any(name in training.adapted for name in names)

    saved = _norm(tokens, d, training, live, "attention norm")
    saved += _inputs(tokens, d, training, "q_proj", "k_proj", "v_proj")
    attention_live = live or trains("q_proj", "k_proj", "v_proj")
    if attention_live:
        saved += [
            Saved((*tokens, q), dtype, "rotated queries: attention"),
            Saved((*tokens, kv), dtype, "rotated keys: attention"),
            Saved((*tokens, kv), dtype, "values: attention"),
            Saved((*tokens, q), dtype, "attention's output: attention"),
            Saved((batch, heads, sequence), "fp32", "log-sum-exp of the scores: attention, for the scores"),
        ]
    # Attention's output is o_proj's input, the same storage.
    saved += _inputs(tokens, q, training, "o_proj", kept=attention_live)
    live = attention_live or trains("o_proj")

    saved += _norm(tokens, d, training, live, "MLP norm")
    saved += _inputs(tokens, d, training, "gate_proj", "up_proj")
    if live or trains("gate_proj"):
        saved += [
            Saved((*tokens, inner), dtype, "gate: silu"),
            Saved((*tokens, inner), dtype, "up: its product with silu(gate)"),
        ]
    if live or trains("up_proj"):
        saved += [Saved((*tokens, inner), dtype, "silu(gate): its product with up")]
    return saved + _inputs(tokens, inner, training, "down_proj")


def _ends(fields: dict, batch: int, sequence: int, training: _Training) -> list[Saved]:
    """Before the first block and after the last one."""
    q = linear_shapes(fields)["q_proj"][1]
    d, vocabulary, head = fields["hidden_size"], fields["vocab_size"], q // fields["num_attention_heads"]
    tokens = (batch, sequence)
    saved = [
        Saved((sequence, head), training.dtype, "cosines of the positions: rotation, once for all blocks"),
        Saved((sequence, head), training.dtype, "sines of the positions: rotation, once for all blocks"),
        Saved((*tokens, vocabulary), "fp32", "log-probabilities: the loss, fp32 in any model"),
        Saved(tokens, "int64", "labels, shifted by one: the loss"),
    ]
    if training.adapted is None:
        saved += [Saved(tokens, "int64", "token ids: the embedding's gradient")]
    return saved + _norm(tokens, d, training, True, "final norm") + _inputs(tokens, d, training, "lm_head")


def _norm(tokens: tuple, d: int, training: _Training, live: bool, name: str) -> list[Saved]:
    """RMSNorm, weight * (x / rms(x)), computes in fp32 whatever its input is."""
    saved = []
    if live:
        saved += [
            Saved((*tokens, d), "fp32", f"x in fp32 ({name}): its square, and its product with 1 / rms"),
            Saved((*tokens, 1), "fp32", f"1 / rms ({name}): its product with x"),
        ]
    if training.adapted is None:
        saved += [Saved((*tokens, d), training.dtype, f"x / rms ({name}): the gradient of the weight")]
    return saved


def _inputs(tokens: tuple, d: int, training: _Training, *names: str, kept: bool = False) -> list[Saved]:
    """What linear layers that read one tensor x of width d keep, as far as their trained weights need it.

    kept: x itself is kept by the operation that made it.
    """
    if training.adapted is None:
        return [] if kept else [Saved((*tokens, d), training.dtype, f"x: the gradient of {', '.join(names)}")]
    adapted = [name for name in names if name in training.adapted]
    dtype = training.adapter_dtype
    saved = [Saved((*tokens, training.rank), dtype, f"A x: the gradient of B at {name}") for name in adapted]
    if dtype != training.dtype:  # each adapter casts x for itself
        return saved + [Saved((*tokens, d), dtype, f"x, cast: the gradient of A at {name}") for name in adapted]
    if adapted and not kept:
        saved += [Saved((*tokens, d), dtype, f"x: the gradient of A at {', '.join(adapted)}")]
    return saved


# --- the peak ---


class Moment(NamedTuple):
    """What a moment of a step holds beside weights and optimizer states, in bytes."""

    gradients: float  # so far
    activations: float  # still held
    temporaries: float


def full_peak(
    model: str | dict,
    batch: int,
    sequence: int,
    dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> float:
    """Predicted peak of full fine-tuning, in bytes, from the second step on."""
    return sum(full_at_peak(model, batch, sequence, dtype, optimizer, checkpointing).values())


def lora_peak(
    model: str | dict,
    batch: int,
    sequence: int,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> float:
    """Predicted peak of LoRA without dropout, in bytes, from the second step on."""
    how = {"dtype": dtype, "adapter_dtype": adapter_dtype, "optimizer": optimizer, "checkpointing": checkpointing}
    return sum(lora_at_peak(model, batch, sequence, rank, targets, **how).values())


def full_at_peak(
    model: str | dict,
    batch: int,
    sequence: int,
    dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> dict[str, float]:
    """`full_peak` by purpose: frozen, trained, copy, optimizer, gradients, activations, temporaries."""
    moments = full_moments(model, batch, sequence, dtype, optimizer, checkpointing)
    return _at_peak(full_ledger(model, dtype, optimizer), moments)


def full_moments(
    model: str | dict,
    batch: int,
    sequence: int,
    dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> list[Moment]:
    """The moments of a step that can be its fullest, in the order in which they come; the optimizer's step is last."""
    fields = config(model)
    width, vocabulary = fields["hidden_size"], fields["vocab_size"]
    # Weights of a block and its two norms; the biases of Qwen2's q, k and v are too few to tell.
    block = sum(d_in * d_out for d_in, d_out in linear_shapes(fields).values()) + 2 * width
    inner, _ = linear_shapes(fields)["down_proj"]
    return _moments(
        ledger=full_ledger(fields, dtype, optimizer),
        temporaries=size(total_parameters(fields), dtype) * OPTIMIZERS[optimizer].temporaries,
        saves=full_saves(fields, batch, sequence, dtype, checkpointing),
        again=_again(fields, batch, sequence, _Training(dtype, adapted=None)) if checkpointing else None,
        logits=size(batch * sequence * vocabulary, "fp32"),
        head_gradient=size(vocabulary * width, dtype),
        block_gradient=size(block, dtype),
        down_gradient=size(inner * width, dtype),
        input_gradient=size(batch * sequence * width, dtype),
        # The embedding's own gradient comes last. Tied, it, the head's and their sum are three tensors.
        tied_gradients=size(2 * vocabulary * width, dtype) if is_tied(fields) else 0,
    )


def lora_at_peak(
    model: str | dict,
    batch: int,
    sequence: int,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> dict[str, float]:
    """`lora_peak` by purpose: frozen, trained, copy, optimizer, gradients, activations, temporaries."""
    moments = lora_moments(model, batch, sequence, rank, targets, dtype, adapter_dtype, optimizer, checkpointing)
    return _at_peak(lora_ledger(model, rank, targets, dtype, adapter_dtype, optimizer), moments)


def lora_moments(
    model: str | dict,
    batch: int,
    sequence: int,
    rank: int,
    targets: str | tuple[str, ...] = "all-linear",
    dtype: str = "bf16",
    adapter_dtype: str = "fp32",
    optimizer: str = "adamw",
    checkpointing: bool = False,
) -> list[Moment]:
    """The moments of a step that can be its fullest, in the order in which they come; the optimizer's step is last."""
    fields = config(model)
    adapters = size(lora_parameters(fields, rank, targets), adapter_dtype)
    training = _lora(fields, rank, targets, dtype, adapter_dtype)
    largest = max(d_in * d_out for d_in, d_out in linear_shapes(fields).values())
    weight = size(largest, "bf16") if dtype == "nf4" else 0
    return _moments(
        ledger=lora_ledger(fields, rank, targets, dtype, adapter_dtype, optimizer),
        temporaries=adapters * OPTIMIZERS[optimizer].temporaries,
        saves=_saves(fields, batch, sequence, training, checkpointing),
        again=_again(fields, batch, sequence, training, weight) if checkpointing else None,
        logits=size(batch * sequence * fields["vocab_size"], "fp32"),
        block_gradient=adapters / fields["num_hidden_layers"],
        weight=weight,
    )


class _Again(NamedTuple):
    """What a block holds that is computed anew, in bytes."""

    saved: float  # what it would have saved, but for its input
    moments: list[
        tuple[float, float]
    ]  # what comes on top at the moments that can be its fullest: (activations, weight)


def _again(fields: dict, batch: int, sequence: int, training: _Training, weight: float = 0) -> _Again:
    """weight: bytes of a weight that is made anew for a product. The MLP is the fuller half of a block.

    The first block is as full as any: with checkpointing, Hugging Face lets its input ask for a gradient.
    """
    inner, width = linear_shapes(fields)["down_proj"]
    tokens, dtype, adapter_dtype = batch * sequence, training.dtype, training.adapter_dtype or training.dtype
    row, wide, wide_adapter = (size(tokens * n, d) for n, d in ((width, dtype), (inner, dtype), (inner, adapter_dtype)))
    at_down = _sum(_inputs((batch, sequence), inner, training, "down_proj"))
    moments = [
        # back at down_proj: the gradient that came in, and that of down_proj's input
        (row + (wide_adapter if at_down else wide), weight),
        # back at the product before: three gradients as wide; what down_proj saved has gone
        (row + 3 * wide - at_down, 0),
    ]
    if dtype != adapter_dtype and "up_proj" in (training.adapted or ()):
        # forward at up_proj, nothing of down_proj saved yet: B A x, its sum with W x, the norm's x, the residual,
        # and the gradient that came in; down_proj's adapter has it in both dtypes, and once more for W
        came_in = 2 * row + size(tokens * width, adapter_dtype) if at_down else row
        moments += [(2 * wide_adapter + 2 * row + came_in - at_down, 0)]
    whole = _saves(fields, batch, sequence, training, checkpointing=False)
    twice = row if dtype == "fp32" else 0  # the first norm's x in fp32 is the block's input itself
    return _Again(_sum(whole.block) - twice, moments)


def _moments(
    ledger: dict[str, float],
    temporaries: float,
    saves: Saves,
    logits: float,
    block_gradient: float,
    head_gradient: float = 0,
    down_gradient: float = 0,
    input_gradient: float = 0,
    tied_gradients: float = 0,
    again: _Again | None = None,
    weight: float = 0,
) -> list[Moment]:
    """The moments of a step that can be its fullest: the backward pass adds gradients and drops activations, block by block.

    What a single operation holds for a moment is left out, but for the moments that can be the peak: the
    loss, which holds two gradients of the logits' shape beside the log-probabilities (one, in their place,
    is left for the head), a block that is computed anew (`again`), a weight that is made anew (`weight`),
    and the embedding, last of all.
    """
    moments = [(0, saves.bytes + 2 * logits, 0), (head_gradient, saves.bytes, 0)]
    gradients, held = head_gradient, saves.bytes - _sum(saves.ends)
    for block in reversed(range(saves.blocks)):
        if again:  # its last matrix has its gradient by then
            whole = held + again.saved
            moments += [(gradients + down_gradient, whole + more, made) for more, made in again.moments]
        moments += [(gradients, held, weight)]
        gradients += block_gradient
        held -= _sum(saves.block if block > 0 else saves.first)
        moments += [(gradients, held, 0)]
    moments += [(ledger["gradients"] + tied_gradients, input_gradient, 0)]
    moments += [(ledger["gradients"], 0, temporaries)]  # the optimizer step
    return [Moment(*moment) for moment in moments]


def _at_peak(ledger: dict[str, float], moments: list[Moment]) -> dict[str, float]:
    """The fullest moment by purpose, and what stands there throughout."""
    throughout = {purpose: ledger[purpose] for purpose in ("frozen", "trained", "copy", "optimizer")}
    return throughout | max(moments, key=sum)._asdict()


def _sum(saved: Iterable[Saved]) -> int:
    return sum(each.bytes for each in saved)


def _known(kind: str, name: str, known: Iterable[str] | dict) -> Any:
    if name not in known:
        raise ValueError(f"{kind} must be one of {', '.join(known)}, got {name!r}")
    return known[name] if isinstance(known, dict) else 0
