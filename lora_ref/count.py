"""Closed forms: how many parameters and FLOPs LoRA and full fine-tuning need.

Standard library only, so that a page or a command can call them without torch. A `model` is a name
in models.json or the fields of a Hugging Face config.json; shapes are always (d_in, d_out).
"""

import difflib
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

# --- one matrix ---


def full(d_in: int, d_out: int) -> int:
    """Parameters of one weight matrix: d_in x d_out."""
    return d_in * d_out


def lora(d_in: int, d_out: int, rank: int) -> int:
    """Parameters that LoRA trains beside one matrix: A (rank, d_in) and B (d_out, rank).

    rank x (d_in + d_out). Hu et al. 2021, section 4.1.
    """
    return rank * (d_in + d_out)


def break_even_rank(d_in: int, d_out: int) -> float:
    """The rank at which A and B together hold as many parameters as the matrix beside them.

    d_in d_out / (d_in + d_out): the solution of lora(d_in, d_out, rank) = full(d_in, d_out).
    """
    return d_in * d_out / (d_in + d_out)


def full_flops(d_in: int, d_out: int) -> int:
    """FLOPs a token and training step with the matrix trained: 6 d_in d_out.

    Three products (forward, gradient of the input, gradient of the weight), a multiplication and an
    addition for each entry.
    """
    return 6 * d_in * d_out


def lora_flops(d_in: int, d_out: int, rank: int) -> int:
    """FLOPs a token and training step with the matrix frozen: 4 d_in d_out + 6 rank (d_in + d_out).

    The frozen matrix keeps two of its three products (the gradient still passes through it), and A and B
    have all three.
    """
    return 4 * d_in * d_out + 6 * rank * (d_in + d_out)


def flop_break_even_rank(d_in: int, d_out: int) -> float:
    """The rank at which a LoRA step costs as many FLOPs as a full one: break_even_rank / 3.

    The solution of lora_flops(d_in, d_out, rank) = full_flops(d_in, d_out).
    """
    return d_in * d_out / (3 * (d_in + d_out))


def flops_ratio(adapter: float, frozen: float, checkpointing: bool = False) -> float:
    """FLOPs of a LoRA step over those of a full step: 2/3 + adapter / frozen.

    adapter: parameters in A and B. frozen: parameters in matrix products, `matrix_parameters(model)`.
    checkpointing: the forward pass runs twice, full 4, LoRA 3: 3/4 + adapter / frozen.
    Counts matrix products only: no attention scores, no optimizer, no embedding; and every matrix as if
    its input gradient were needed.
    """
    return (3 / 4 if checkpointing else 2 / 3) + adapter / frozen


# --- published models ---


class Linear(NamedTuple):
    path: str  # in a block, or in the model for what stands outside the blocks
    d_in: int
    d_out: int
    bias: bool
    copies: int  # how many of it the model has: one a block

    @property
    def parameters(self) -> int:
        return self.copies * (full(self.d_in, self.d_out) + self.bias * self.d_out)


@cache
def _published() -> dict[str, dict]:
    text = Path(__file__).with_name("models.json").read_text(encoding="utf-8")
    return {fields["name"]: fields for fields in json.loads(text)["models"]}


def names() -> list[str]:
    """The models of models.json."""
    return list(_published())


def model(name: str) -> dict:
    """The published architecture fields of a model, under the names of its config.json."""
    if name not in _published():
        near = difflib.get_close_matches(name, names(), n=3, cutoff=0.0)
        raise ValueError(f"no model is named {name!r}; the nearest names are {', '.join(near)}")
    return dict(_published()[name])


def config(model_or_name: str | dict) -> dict:
    """The fields of a model given by name; fields given are returned as they are."""
    return model(model_or_name) if isinstance(model_or_name, str) else model_or_name


def linear_shapes(model: str | dict) -> dict[str, tuple[int, int]]:
    """{module name: (d_in, d_out)} of every linear layer that PEFT's "all-linear" adapts.

    One entry for each module of a block, not for each block. A name is the module's last part, or its path
    in the block where that part alone is ambiguous (GPT-2's attn.c_proj and mlp.c_proj).
    """
    linears = _without_head(_linears(config(model)))
    return {_short(each, linears): (each.d_in, each.d_out) for each in linears}


def total_parameters(model: str | dict) -> int:
    """All parameters of a model: embeddings, linear layers with their biases, and norms.

    A tied output head is counted once; BERT and RoBERTa with the pooler and without a head.
    """
    fields = config(model)
    linears = _linears(fields)
    if is_tied(fields):
        linears = _without_head(linears)
    _whole(fields)
    width, blocks, rows, norm = _size(fields)
    norms = (2 * blocks + 1) * norm * width  # two a block and one outside
    return rows * width + norms + sum(linear.parameters for linear in linears)


def matrix_parameters(model: str | dict) -> int:
    """Parameters in matrix products: every linear weight without its bias, the output head included.

    The `frozen` of `flops_ratio`. A tied head is a product too, although it owns no parameters.
    """
    fields = config(model)
    _whole(fields)
    return sum(each.copies * full(each.d_in, each.d_out) for each in _linears(fields))


def matched(model: str | dict, targets: str | tuple[str, ...]) -> list[str]:
    """Names, as in `linear_shapes`, of the linear layers that `targets` of `lora_parameters` stands for."""
    return [_short(each, _linears(config(model))) for each in _chosen(config(model), targets)]


def adapted_linears(model: str | dict, targets: str | tuple[str, ...]) -> list[Linear]:
    """The linear layers that `targets` of `lora_parameters` stands for, with their paths and shapes."""
    return _chosen(config(model), targets)


def head_parameters(model: str | dict) -> int:
    """Parameters in the output head's product, tied or not: width x vocabulary; 0 where there is no head."""
    return sum(full(each.d_in, each.d_out) for each in _linears(config(model)) if each.path == "lm_head")


def lora_parameters(model: str | dict, rank: int, targets: str | tuple[str, ...]) -> int:
    """Parameters that LoRA trains in a model: the sum of lora(d_in, d_out, rank) over the targets.

    targets: "all-linear" (every linear layer but the output head), one module name, or several. A name
    matches a whole path or its last parts, as in PEFT, so "c_proj" is both of GPT-2's. For GPT-2 the names
    "q", "k" and "v" are the thirds of c_attn with an A and a B of their own, as Hu et al. 2021 train them.
    """
    if not isinstance(rank, int) or rank < 1:
        raise ValueError(f"rank must be a whole number from 1, got {rank!r}")
    chosen = _chosen(config(model), targets)
    return sum(linear.copies * lora(linear.d_in, linear.d_out, rank) for linear in chosen)


def prefix_parameters(model: str | dict, tokens: int) -> int:
    """Parameters of prefix tuning as PEFT saves them: a key and a value for each token and block.

    tokens x 2 x blocks x width of the keys. Li and Liang 2021, without their reparameterization.
    """
    fields = config(model)
    linears = _linears(fields) + _thirds(fields)
    keys = next(each for each in linears if _last(each.path) in ("k_proj", "key", "k"))
    return tokens * 2 * keys.copies * keys.d_out


# --- the small GPT of this site ---


def gpt(layers: int, width: int, vocab: int) -> dict:
    """Fields of the small GPT (lora_ref.model): a `model` for the functions above."""
    return {"name": "GPT", "model_type": "gpt", "layers": layers, "width": width, "vocab": vocab}


def gpt_parameters(layers: int, width: int, vocab: int) -> int:
    """All parameters of the small GPT: vocab x width + layers x (12 width^2 + 13 width) + 2 width.

    A block has q, k, v, o (width x width), up and down (width x 4 width), a bias each, and two LayerNorms;
    one LayerNorm ends the model. Positions are rotary and the output is tied: neither has parameters.
    """
    return total_parameters(gpt(layers, width, vocab))


def gpt_matrix_parameters(layers: int, width: int) -> int:
    """Parameters in the small GPT's six matrices a block, without biases: 12 x layers x width^2."""
    return 12 * layers * width**2


# --- what each family is made of ---


def _size(fields: dict) -> tuple[int, int, int, int]:
    """(width, blocks, rows of all embedding tables, vectors in a norm: 1 for RMSNorm, 2 for LayerNorm)."""
    match fields.get("model_type"):
        case "llama" | "mistral" | "qwen2":
            return fields["hidden_size"], fields["num_hidden_layers"], fields["vocab_size"], 1
        case "gpt2":
            return fields["n_embd"], fields["n_layer"], fields["vocab_size"] + fields["n_positions"], 2
        case "bert" | "roberta":
            rows = fields["vocab_size"] + fields["max_position_embeddings"] + fields["type_vocab_size"]
            return fields["hidden_size"], fields["num_hidden_layers"], rows, 2
        case "gpt":  # lora_ref.model
            return fields["width"], fields["layers"], fields["vocab"], 2
        case "gpt3":
            return fields["d_model"], fields["num_hidden_layers"], 0, 2
        case "deberta-v2":
            return fields["hidden_size"], fields["num_hidden_layers"], 0, 2
        case family:
            raise ValueError(
                f"model_type {family!r} is not known; llama, mistral, qwen2, gpt2, bert and roberta are: "
                "add up lora(d_in, d_out, rank) over its layers instead"
            )


def _linears(fields: dict) -> list[Linear]:
    """Every linear layer of a family; the output head, where there is one, is last and named lm_head."""
    d, blocks, _, _ = _size(fields)
    match fields["model_type"]:
        case "llama" | "mistral" | "qwen2":
            inner, heads = fields["intermediate_size"], fields["num_attention_heads"]
            head = fields.get("head_dim") or d // heads  # width of one head
            q = heads * head
            kv = (fields.get("num_key_value_heads") or heads) * head  # grouped queries share keys and values
            bias, mlp_bias = fields.get("attention_bias", False), fields.get("mlp_bias", False)
            qkv_bias = bias or fields["model_type"] == "qwen2"
            return [
                Linear("self_attn.q_proj", d, q, qkv_bias, blocks),
                Linear("self_attn.k_proj", d, kv, qkv_bias, blocks),
                Linear("self_attn.v_proj", d, kv, qkv_bias, blocks),
                Linear("self_attn.o_proj", q, d, bias, blocks),
                Linear("mlp.gate_proj", d, inner, mlp_bias, blocks),
                Linear("mlp.up_proj", d, inner, mlp_bias, blocks),
                Linear("mlp.down_proj", inner, d, mlp_bias, blocks),
                Linear("lm_head", d, fields["vocab_size"], False, 1),
            ]
        case "gpt2":  # Conv1D stores its weight as (d_in, d_out); the count is the same
            inner = fields.get("n_inner") or 4 * d
            return [
                Linear("attn.c_attn", d, 3 * d, True, blocks),  # q, k and v side by side
                Linear("attn.c_proj", d, d, True, blocks),
                Linear("mlp.c_fc", d, inner, True, blocks),
                Linear("mlp.c_proj", inner, d, True, blocks),
                Linear("lm_head", d, fields["vocab_size"], False, 1),
            ]
        case "bert" | "roberta":
            inner = fields["intermediate_size"]
            return [
                Linear("attention.self.query", d, d, True, blocks),
                Linear("attention.self.key", d, d, True, blocks),
                Linear("attention.self.value", d, d, True, blocks),
                Linear("attention.output.dense", d, d, True, blocks),
                Linear("intermediate.dense", d, inner, True, blocks),
                Linear("output.dense", inner, d, True, blocks),
                Linear("pooler.dense", d, d, True, 1),
            ]
        case "gpt":
            return [
                Linear("attention.q_proj", d, d, True, blocks),
                Linear("attention.k_proj", d, d, True, blocks),
                Linear("attention.v_proj", d, d, True, blocks),
                Linear("attention.o_proj", d, d, True, blocks),
                Linear("up_proj", d, 4 * d, True, blocks),
                Linear("down_proj", 4 * d, d, True, blocks),
                Linear("lm_head", d, fields["vocab"], False, 1),
            ]
        case "gpt3":  # all that its paper's shapes give: the four attention matrices
            return [Linear(name, d, d, True, blocks) for name in ("q", "k", "v", "o")]
        case _:  # deberta-v2
            return [Linear(name, d, d, True, blocks) for name in ("query", "key", "value")]


def _chosen(fields: dict, targets: str | tuple[str, ...]) -> list[Linear]:
    """The linear layers that `targets` names; a name without a layer is an error, never nothing."""
    if targets == "all-linear":
        _whole(fields)
        return _without_head(_linears(fields))
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    linears = _linears(fields) + _thirds(fields)
    for target in targets:
        if not any(_matches(each.path, target) for each in linears):
            near = difflib.get_close_matches(target, [_last(each.path) for each in linears], n=4, cutoff=0.0)
            raise ValueError(
                f"{_called(fields)} has no linear layer named {target!r}; "
                f"the nearest names are {', '.join(dict.fromkeys(near))}"
            )
    return [each for each in linears if any(_matches(each.path, target) for target in targets)]


def _thirds(fields: dict) -> list[Linear]:
    """GPT-2's c_attn as three matrices, for an adapter on each."""
    if fields["model_type"] != "gpt2":
        return []
    return [Linear(name, fields["n_embd"], fields["n_embd"], True, fields["n_layer"]) for name in ("q", "k", "v")]


def is_tied(fields: dict) -> bool:
    """Whether the output head is the embedding; where a config.json is silent, its family's default."""
    return fields.get("tie_word_embeddings", fields["model_type"] in ("gpt2", "gpt"))


def _whole(fields: dict) -> None:
    """Refuse a model of which only the attention matrices are known."""
    if fields["model_type"] in ("gpt3", "deberta-v2"):
        raise ValueError(
            f"only the attention matrices of {_called(fields)} are known, not every layer; "
            "name some of them in lora_parameters(), or quote a printed total"
        )


def _without_head(linears: list[Linear]) -> list[Linear]:
    return [linear for linear in linears if linear.path != "lm_head"]


def _matches(path: str, target: str) -> bool:
    return path == target or path.endswith("." + target)


def _short(linear: Linear, linears: list[Linear]) -> str:
    """The last part of a layer's path, or all of it where another layer ends in the same."""
    last = _last(linear.path)
    return linear.path if [_last(each.path) for each in linears].count(last) > 1 else last


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _called(fields: dict) -> str:
    return fields.get("name") or f"this {fields['model_type']} model"
