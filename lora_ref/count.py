"""Closed forms: how many parameters LoRA and its relatives train, and the FLOPs of LoRA and of full training.

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


def dora(d_in: int, d_out: int, rank: int) -> int:
    """Parameters that DoRA trains beside one matrix: LoRA's A and B, and one magnitude for each output.

    rank x (d_in + d_out) + d_out. Liu et al. 2024 (DoRA), section 4.1, write a magnitude for each column of
    the weight; PEFT keeps one for each output, which is a row of W (d_out, d_in).
    """
    return lora(d_in, d_out, rank) + d_out


def bottleneck(width: int, size: int) -> int:
    """Parameters of one bottleneck adapter: down (size, width), up (width, size), and a bias each.

    2 width x size + width + size. Houlsby et al. 2019, section 2.1.
    """
    return 2 * width * size + width + size


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
    width, _, rows, _ = _size(fields)
    return rows * width + norm_parameters(fields) + sum(linear.parameters for linear in linears)


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
    _counting("rank", rank)
    chosen = _chosen(config(model), targets)
    return sum(linear.copies * lora(linear.d_in, linear.d_out, rank) for linear in chosen)


def dora_parameters(model: str | dict, rank: int, targets: str | tuple[str, ...]) -> int:
    """Parameters that DoRA trains in a model: the sum of dora(d_in, d_out, rank) over the targets.

    targets: as in `lora_parameters`. Liu et al. 2024 (DoRA), section 4.1.
    """
    _counting("rank", rank)
    chosen = _chosen(config(model), targets)
    return sum(linear.copies * dora(linear.d_in, linear.d_out, rank) for linear in chosen)


def adapter_parameters(model: str | dict, size: int, placement: str) -> int:
    """Parameters of bottleneck adapters: bottleneck(width, size), so many times a block as `placement` says.

    placement: "houlsby", one after attention and one after the feed-forward layers (Houlsby et al. 2019,
    section 2.1); or "pfeiffer", the second alone (Pfeiffer et al. 2021, section 3.1.2). Houlsby et al. train
    the layer norms and the new head as well: add `norm_parameters(model)`, and what the head holds.
    """
    _counting("size", size)
    if placement not in _ADAPTERS_A_BLOCK:
        raise ValueError(f"placement must be one of {', '.join(_ADAPTERS_A_BLOCK)}, got {placement!r}")
    width, blocks, _, _ = _size(config(model))
    return _ADAPTERS_A_BLOCK[placement] * blocks * bottleneck(width, size)


def bias_parameters(model: str | dict) -> int:
    """Biases that the base holds, those of its layer norms included; 0 in Llama and Mistral."""
    fields = config(model)
    _whole(fields)
    width, blocks, _, norm = _size(fields)
    in_norms = (2 * blocks + 1) * width * (norm == 2)
    return in_norms + sum(each.copies * each.d_out for each in _linears(fields) if each.bias)


def bitfit_parameters(model: str | dict) -> int:
    """Parameters that BitFit trains: every bias of the base. Ben Zaken et al. 2022, section 3.

    Without a new head. A model that holds no bias is refused: the method is not applicable to it.
    """
    biases = bias_parameters(model)
    if biases == 0:
        raise ValueError(
            f"BitFit is not applicable to {_called(config(model))}: it holds no bias to train; "
            "ask bias_parameters() where 0 is an answer"
        )
    return biases


def ia3_parameters(model: str | dict) -> int:
    """Parameters of IA3 as PEFT 0.21 places it by default: one factor for each activation that is scaled.

    Outputs of some layers (d_out factors) and inputs of others (d_in factors), see `ia3_scaled`. Liu et al.
    2022, section 3.3, scales the keys, the values, and what enters the second feed-forward layer; PEFT's
    defaults are these in Llama and Mistral, and others elsewhere: the queries in place of the keys in Qwen2,
    all of the fused c_attn in GPT-2, the input of the attention's output layer too in BERT and RoBERTa.
    """
    fields = config(model)
    outputs, inputs = ia3_scaled(fields)
    by_output = sum(each.copies * each.d_out for each in _chosen(fields, outputs))
    return by_output + sum(each.copies * each.d_in for each in _chosen(fields, inputs))


def ia3_scaled(model: str | dict) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(layers whose outputs IA3 scales, layers whose inputs it scales), by the defaults of PEFT 0.21."""
    fields = config(model)
    _whole(fields)
    return _IA3[fields["model_type"]]


def prompt_parameters(model: str | dict, tokens: int) -> int:
    """Parameters of prompt tuning: tokens x width, embeddings that stand before those of the text.

    Lester et al. 2021, section 2.
    """
    _counting("tokens", tokens)
    return tokens * _size(config(model))[0]


def prefix_parameters(model: str | dict, tokens: int) -> int:
    """Parameters of prefix tuning as PEFT saves them: a key and a value for each token and block.

    tokens x 2 x blocks x width of the keys. Li and Liang 2021, without their reparameterization.
    """
    _counting("tokens", tokens)
    keys = _keys(config(model))
    return tokens * 2 * keys.copies * keys.d_out


def reparameterized_prefix_parameters(model: str | dict, tokens: int) -> int:
    """Parameters that train where a network makes the prefix, as PEFT builds it: dropped after training.

    Embeddings (tokens, n), then linear layers n to n and n to 2 x blocks x n with biases; n is the width of
    the keys. Li and Liang 2021, section 4.3.
    """
    _counting("tokens", tokens)
    keys = _keys(config(model))
    width, made = keys.d_out, 2 * keys.copies * keys.d_out
    return tokens * width + (full(width, width) + width) + (full(width, made) + made)


def norm_parameters(model: str | dict) -> int:
    """Parameters of the norms, two a block and one outside: a weight each, and a bias in a LayerNorm."""
    width, blocks, _, norm = _size(config(model))
    return (2 * blocks + 1) * norm * width


def share_of_base(trained: int, model: str | dict) -> float:
    """What is trained over what the base holds: trained / total. The share of this site."""
    return trained / total_parameters(model)


def share_of_all(trained: int, model: str | dict) -> float:
    """What is added over base and addition together: trained / (total + trained), as PEFT prints it.

    For what is added to a base. PEFT prints it as a percentage, `trainable%`.
    """
    return trained / (total_parameters(model) + trained)


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

_ADAPTERS_A_BLOCK = {"houlsby": 2, "pfeiffer": 1}

# What IA3 scales: the outputs of these, the inputs of those. The defaults of PEFT 0.21, family by family.
_IA3 = {
    "llama": (("k_proj", "v_proj"), ("down_proj",)),
    "mistral": (("k_proj", "v_proj"), ("down_proj",)),
    "qwen2": (("q_proj", "v_proj"), ("down_proj",)),
    "gpt2": (("c_attn",), ("mlp.c_proj",)),
    "bert": (("key", "value"), ("output.dense",)),  # attention.output.dense too: a name matches last parts
    "roberta": (("key", "value"), ("output.dense",)),
    "gpt": (("k_proj", "v_proj"), ("down_proj",)),  # as in Llama; PEFT does not know this family
}


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


def _keys(fields: dict) -> Linear:
    """The layer that makes the keys; for GPT-2 the third of c_attn."""
    linears = _linears(fields) + _thirds(fields)
    return next(each for each in linears if _last(each.path) in ("k_proj", "key", "k"))


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


def _counting(name: str, number: int) -> None:
    """Refuse what does not count anything."""
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"{name} must be a whole number from 1, got {number!r}")


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
