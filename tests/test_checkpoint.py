"""An adapter's file to the byte: against what PEFT writes, and against sizes that PEFT published."""

import json
from pathlib import Path

import pytest
import torch

from lora_ref import checkpoint, count

LLAMA = {
    "model_type": "llama",
    "hidden_size": 96,
    "num_hidden_layers": 12,  # two digits: the order of names is that of text
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 256,
    "vocab_size": 320,
    "tie_word_embeddings": False,
}
GPT2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 11, "n_head": 4, "vocab_size": 320, "n_positions": 32}
MODELS = {
    "llama": LLAMA,
    "mistral": LLAMA | {"model_type": "mistral"},
    "qwen2": LLAMA | {"model_type": "qwen2", "num_hidden_layers": 3, "tie_word_embeddings": True},
    "gpt2": GPT2,
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
TARGETS = {"gpt2": ("c_attn", "mlp.c_proj")}


def saved(fields, config, folder, dtype="fp32"):
    """The file that PEFT writes for a random model of these fields."""
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields, **ends))
    model = get_peft_model(model, config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(DTYPES[dtype])
    model.save_pretrained(folder)
    return Path(folder, "adapter_model.safetensors")


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("targets", ["some", "all-linear"])
@pytest.mark.parametrize("name", MODELS)
def test_lora_file_is_the_one_that_peft_writes(name, targets, dtype, tmp_path):
    from peft import LoraConfig

    if targets == "some":
        targets = TARGETS.get(name, ("q_proj", "v_proj", "down_proj"))
    for_peft = targets if isinstance(targets, str) else list(targets)
    config = LoraConfig(r=5, target_modules=for_peft, task_type="CAUSAL_LM")
    content = saved(MODELS[name], config, tmp_path, dtype).read_bytes()
    assert checkpoint.lora_file_size(MODELS[name], 5, targets, dtype) == len(content)
    header = checkpoint.header(checkpoint.lora_tensors(MODELS[name], 5, targets), dtype)
    assert content.startswith(header)


@pytest.mark.parametrize("name", MODELS)
def test_prefix_file_is_the_one_that_peft_writes(name, tmp_path):
    from peft import PrefixTuningConfig

    config = PrefixTuningConfig(num_virtual_tokens=7, task_type="CAUSAL_LM")
    content = saved(MODELS[name], config, tmp_path).read_bytes()
    assert checkpoint.prefix_file_size(MODELS[name], 7) == len(content)
    assert content.startswith(checkpoint.header(checkpoint.prefix_tensors(MODELS[name], 7)))


def test_published_sizes():
    published = json.loads(Path(__file__).with_name("public_numbers.json").read_text(encoding="utf-8"))
    cases = [case for case in published["cases"] if "file_bytes" in case]
    assert {case["file_bytes"] for case in cases} >= {36_715_216, 73_415_408}
    for case in cases:
        assert case["method"] == "lora" and case["dtype"] == "float32"
        size = checkpoint.lora_file_size(case["model"], case["rank"], tuple(case["targets"]))
        assert size == case["file_bytes"], case["id"]


def test_a_file_is_its_numbers_and_little_more():
    for name in ("Llama-2-7B", "GPT-2 small"):
        numbers = count.lora_parameters(name, 16, "all-linear")
        assert 0 < checkpoint.lora_file_size(name, 16, dtype="bf16") - 2 * numbers < 80_000


def test_the_header_is_read_by_safetensors(tmp_path):
    from safetensors.torch import load

    tensors = checkpoint.lora_tensors(LLAMA, 2, ("q_proj",))
    content = checkpoint.header(tensors, "bf16")
    content += bytes(checkpoint.file_size(tensors, "bf16") - len(content))
    assert {name: tuple(tensor.shape) for name, tensor in load(content).items()} == tensors


def test_what_is_not_derived_is_refused():
    with pytest.raises(ValueError, match="derived for llama, mistral, qwen2, gpt2, not for bert, where it depends"):
        checkpoint.lora_file_size("BERT-base-uncased", 8)
    with pytest.raises(ValueError, match="not for bert"):
        checkpoint.prefix_file_size("BERT-base-uncased", 8)
    with pytest.raises(ValueError, match="adapter on 'lm_head' is not derived: beside lm_head PEFT saves the emb"):
        checkpoint.lora_file_size("Llama-2-7B", 8, ("q_proj", "lm_head"))
    with pytest.raises(ValueError, match="'q' is not derived: .* one layer to it, c_attn"):
        checkpoint.lora_file_size("GPT-2 small", 8, ("q", "v"))
    with pytest.raises(ValueError, match="dtype must be one of fp32, bf16, fp16, got 'nf4'"):
        checkpoint.lora_file_size("Llama-2-7B", 8, dtype="nf4")
    with pytest.raises(ValueError, match="rank must be a whole number from 1, got 0"):
        checkpoint.lora_file_size("Llama-2-7B", 0)
