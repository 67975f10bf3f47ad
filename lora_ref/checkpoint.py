"""What stands in an adapter's file: the bytes of PEFT's adapter_model.safetensors, exactly.

The format (safetensors): 8 bytes with the header's length, little endian; the header, JSON without spaces,
filled up with spaces to a multiple of 8; then the tensors, one after the other, without gaps. The header has
the metadata {"format": "pt"} and for each tensor its dtype, its shape and its place among the tensors' bytes:

    {"__metadata__":{"format":"pt"},"prompt_embeddings":{"dtype":"F32","shape":[5,768],"data_offsets":[0,15360]}}

Tensors stand in the order of their names, as text: block 10 before block 2. All have one dtype here. A
`model` is what it is in count.py. Standard library only.
"""

import json
from math import prod

from lora_ref.count import adapted_linears, config, lora_parameters, prefix_parameters

# The dtypes of memory.BYTES that PEFT saves an adapter in: safetensors' name, bytes a number.
DTYPES = {"fp32": ("F32", 4), "bf16": ("BF16", 2), "fp16": ("F16", 2)}

# Where the blocks of a family's causal language model stand, as PEFT names it.
BLOCKS = {
    "llama": "base_model.model.model.layers",
    "mistral": "base_model.model.model.layers",
    "qwen2": "base_model.model.model.layers",
    "gpt2": "base_model.model.transformer.h",
}


def lora_tensors(
    model: str | dict, rank: int, targets: str | tuple[str, ...] = "all-linear"
) -> dict[str, tuple[int, ...]]:
    """{name in the file: shape} of each lora_A (rank, d_in) and lora_B (d_out, rank)."""
    fields = _known(model)
    lora_parameters(fields, rank, targets)  # checks the rank
    tensors = {}
    for linear in adapted_linears(fields, targets):
        if linear.path in ("lm_head", "q", "k", "v"):
            raise ValueError(
                f"the file of an adapter on {linear.path!r} is not derived: beside lm_head PEFT saves the embeddings, "
                "and GPT-2's q, k and v are one layer to it, c_attn"
            )
        for block in range(linear.copies):
            path = f"{BLOCKS[fields['model_type']]}.{block}.{linear.path}"
            tensors[f"{path}.lora_A.weight"] = (rank, linear.d_in)
            tensors[f"{path}.lora_B.weight"] = (linear.d_out, rank)
    return tensors


def prefix_tensors(model: str | dict, tokens: int) -> dict[str, tuple[int, ...]]:
    """{name in the file: shape} of a prefix: keys and values of all blocks in one tensor."""
    return {"prompt_embeddings": (tokens, prefix_parameters(_known(model), tokens) // tokens)}


def _known(model: str | dict) -> dict:
    """The fields of a model whose file is derived."""
    fields = config(model)
    if fields["model_type"] not in BLOCKS:
        raise ValueError(
            f"the file of an adapter is derived for {', '.join(BLOCKS)}, not for {fields['model_type']}, "
            "where it depends on the task; save the adapter and look at the file's size"
        )
    return fields


def header(tensors: dict[str, tuple[int, ...]], dtype: str = "fp32") -> bytes:
    """The first bytes of a file of these tensors: length, JSON, spaces."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    name, bytes_a_number = DTYPES[dtype]
    entries: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    start = 0
    for tensor, shape in sorted(tensors.items()):
        end = start + prod(shape) * bytes_a_number
        entries[tensor] = {"dtype": name, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def file_size(tensors: dict[str, tuple[int, ...]], dtype: str = "fp32") -> int:
    """Bytes of a file of these tensors."""
    numbers = sum(prod(shape) for shape in tensors.values())
    return len(header(tensors, dtype)) + numbers * DTYPES[dtype][1]


def lora_file_size(
    model: str | dict, rank: int, targets: str | tuple[str, ...] = "all-linear", dtype: str = "fp32"
) -> int:
    """Bytes of adapter_model.safetensors for LoRA. dtype: that of the adapter; PEFT makes it fp32 by default."""
    return file_size(lora_tensors(model, rank, targets), dtype)


def prefix_file_size(model: str | dict, tokens: int, dtype: str = "fp32") -> int:
    """Bytes of adapter_model.safetensors for prefix tuning without reparameterization."""
    return file_size(prefix_tensors(model, tokens), dtype)
