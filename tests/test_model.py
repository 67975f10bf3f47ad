"""The small GPT: what it may see, where a token is, what it is made of, and the base that is committed."""

import ast
import inspect
import json
import math
import statistics
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from lora_ref import count
from lora_ref.data import cut_source, encode
from lora_ref.model import GPT, GPTConfig, load_model, rotary_table, rotate, save_model
from lora_ref.train import evaluate

SMALL = GPTConfig(layers=2, width=16, heads=2, vocabulary=40, context=12)


def small_gpt(config: GPTConfig = SMALL) -> GPT:
    """With weights large enough that nothing is hidden below a rounding."""
    model = GPT(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture(scope="module")
def base_folder(root) -> Path:
    return root / "docs/records/base"


# ---- what a token may see


@given(at=st.integers(0, 11), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_a_later_token_changes_nothing_earlier(at, seed):
    generator = torch.Generator().manual_seed(seed)
    model = small_gpt()
    tokens = torch.randint(40, (2, 12), generator=generator)
    changed = tokens.clone()
    changed[0, at] = (tokens[0, at] + 7) % 40
    before, after = model(tokens), model(changed)
    assert torch.equal(before[0, :at], after[0, :at])  # to the last bit
    assert torch.equal(before[1], after[1])  # and no other window
    assert not torch.equal(before[0, at], after[0, at])
    assert not torch.equal(before[0, -1], after[0, -1])  # the last one sees all of them


@pytest.mark.parametrize("length", [1, 5, 12])
def test_a_shorter_window_is_the_start_of_a_longer_one(length):
    model, tokens = small_gpt(), torch.randint(40, (2, 12))
    assert_close(model(tokens[:, :length]), model(tokens)[:, :length], rtol=1e-5, atol=1e-5)


# ---- where a token is


def test_a_rotated_product_depends_on_the_distance_only():
    cos, sin = rotary_table(64, 8)
    q, k = torch.randn(2, 8)
    q, k = (rotate(x.expand(1, 1, 64, 8), (cos, sin))[0, 0] for x in (q, k))  # the same numbers at each position
    products = q @ k.T  # (position of q, position of k)
    for distance in range(-63, 64):
        along = products.diagonal(distance)
        # fp32 angles up to 63, each rounded by 4e-6 at most, and products of eight numbers near 1.
        assert_close(along, along[:1].expand_as(along), rtol=0, atol=1e-4)
    # And on the distance it does depend: far apart is another product.
    assert products[0].std() > 0.1


def test_rotating_keeps_lengths_and_the_first_place():
    table = rotary_table(64, 8)
    x = torch.randn(2, 3, 64, 8)
    turned = rotate(x, table)
    assert_close(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-5, atol=1e-6)
    assert torch.equal(turned[:, :, 0], x[:, :, 0])


def test_positions_rotate_as_llamas_do():
    config = transformers.LlamaConfig(hidden_size=16, num_attention_heads=2)
    x = torch.randn(1, 2, 128, 8)
    cos, sin = LlamaRotaryEmbedding(config)(x, torch.arange(128)[None])
    expected, _ = apply_rotary_pos_emb(x, x, cos, sin)
    assert_close(rotate(x, rotary_table(128, 8)), expected, rtol=1e-5, atol=2e-5)


def test_frequencies_fall_from_one():
    cos, sin = rotary_table(3, 4)
    angle = torch.tensor([[0, 0], [1, 0.01], [2, 0.02]])
    assert_close(cos, angle.cos(), rtol=1e-6, atol=0)
    assert_close(sin, angle.sin(), rtol=1e-6, atol=0)


# ---- what it computes


def test_the_model_is_gpt_neox_without_its_fusions():
    """An independent build of the same parts: full rotary positions, one residual after the other, tied head."""
    ours = small_gpt()
    config = transformers.GPTNeoXConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=12,
        rotary_pct=1.0,
        use_parallel_residual=False,
        hidden_act="gelu",
        tie_word_embeddings=True,
    )
    theirs = transformers.GPTNeoXForCausalLM(config).eval()
    state = {"gpt_neox.embed_in.weight": ours.embedding.weight}
    state |= {f"gpt_neox.final_layer_norm.{name}": p for name, p in ours.norm.named_parameters()}
    for i, block in enumerate(ours.blocks):
        attention = block.attention
        parts = {
            "input_layernorm": block.attention_norm,
            "post_attention_layernorm": block.mlp_norm,
            "attention.dense": attention.o_proj,
            "mlp.dense_h_to_4h": block.up_proj,
            "mlp.dense_4h_to_h": block.down_proj,
        }
        for path, module in parts.items():
            state |= {f"gpt_neox.layers.{i}.{path}.{name}": p for name, p in module.named_parameters()}
        for name in ("weight", "bias"):  # q, k and v of a head side by side
            qkv = [
                getattr(p, name).unflatten(0, (2, 8)) for p in (attention.q_proj, attention.k_proj, attention.v_proj)
            ]
            state[f"gpt_neox.layers.{i}.attention.query_key_value.{name}"] = torch.cat(qkv, dim=1).flatten(0, 1)
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected and missing in (["lm_head.weight"], ["embed_out.weight"])  # tied: filled already
    assert theirs.get_output_embeddings().weight is theirs.get_input_embeddings().weight
    tokens = torch.randint(40, (3, 12))
    assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-4)


def test_the_head_is_the_embedding():
    model = small_gpt()
    assert not [name for name, _ in model.named_parameters() if "head" in name]
    states = []
    model.norm.register_forward_hook(lambda module, inputs, output: states.append(output))
    tokens = torch.zeros(1, 3, dtype=torch.long)
    logits = model(tokens)
    assert torch.equal(logits, F.linear(states[0], model.embedding.weight))
    logits[..., 1].sum().backward()
    # Token 1 is never read, and has a gradient all the same: from the head.
    assert model.embedding.weight.grad[1].abs().sum() > 0
    assert model.embedding.weight.grad[2].abs().sum() == 0


@given(
    layers=st.integers(1, 3),
    heads=st.sampled_from([1, 2, 4]),
    size=st.sampled_from([2, 4, 6]),
    vocabulary=st.integers(2, 50),
)
@settings(max_examples=25)
def test_parameters_are_the_closed_form(layers, heads, size, vocabulary):
    model = GPT(GPTConfig(layers, heads * size, heads, vocabulary, 8))
    assert sum(parameter.numel() for parameter in model.parameters()) == count.gpt_parameters(
        layers, heads * size, vocabulary
    )
    assert model(torch.zeros(2, 8, dtype=torch.long)).shape == (2, 8, vocabulary)


def test_the_default_is_the_base_model():
    model = GPT(GPTConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 924_416 == count.gpt_parameters(4, 128, 1024)


def test_starting_values():
    model = GPT(GPTConfig())
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif parameter.ndim == 1:
            assert (parameter == 1).all(), name
        else:  # into the stream: over the root of how often a stream is written, two times a layer
            std = 0.02 / math.sqrt(8) if name.endswith(("o_proj.weight", "down_proj.weight")) else 0.02
            assert_close(parameter.std().item(), std, rtol=0.03, atol=0)
    logits = model(torch.randint(1024, (2, 128)))
    loss = F.cross_entropy(logits.flatten(0, 1), torch.randint(1024, (256,)))
    assert_close(loss.item(), math.log(1024), rtol=0.02, atol=0)  # it knows nothing yet


# ---- its file


def test_save_and_load(tmp_path):
    model, tokens = small_gpt(), torch.randint(40, (2, 12))
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert again.config == SMALL
    assert torch.equal(again(tokens), model(tokens))
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in again.parameters())


def test_a_missing_file_is_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "base.safetensors"
    with pytest.raises(FileNotFoundError) as error:
        load_model(path)
    assert str(error.value) == (
        f"{path} is missing: it is the base model that every language experiment starts from; "
        "restore it with git, or make it with `python -m lora_ref.site run base/pretrain`"
    )


def test_a_different_or_torn_file_is_an_error_never_a_random_model(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(small_gpt(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Exception, match="(?i)incomplete|header|file"):
        load_model(path)
    model = small_gpt()
    model.blocks[0].up_proj = nn.Linear(16, 5)
    save_model(model, path)
    with pytest.raises(RuntimeError, match="size mismatch for blocks.0.up_proj.weight"):
        load_model(path)
    model = small_gpt()
    del model.blocks[1]
    save_model(model, path)
    with pytest.raises(RuntimeError, match="Missing key"):
        load_model(path)


# ---- the base that is committed


def test_the_base_reads_documentation_better_than_code(base_folder):
    """Without the corpus: the standard library's docstrings and code, which the base never read."""
    model = load_model(base_folder / "base.safetensors")
    assert model.config == GPTConfig()
    docs, code = [], []
    for module in (ast, inspect, statistics, json):
        more, source = cut_source(inspect.getsource(module))
        docs += more
        code.append(source)
    losses = {}
    for name, pieces in (("docs", docs), ("code", code)):
        tokens = tokens_of("\n\n".join(pieces), base_folder)
        losses[name] = statistics.fmean(evaluate(model, tokens, 40))
    record = json.loads((base_folder / "pretrain.json").read_text(encoding="utf-8"))["values"]
    # Other text, so other losses; but nearer to the record's than to a model that knows nothing: log(1024) = 6.9.
    assert losses["docs"] < losses["code"] < 4.5
    assert abs(losses["docs"] - record["loss_docs_nats"]) < 1.0
    assert abs(losses["code"] - record["loss_code_nats"]) < 1.5


def tokens_of(text: str, base_folder: Path) -> torch.Tensor:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    return torch.tensor(tokenizer.encode(text).ids, dtype=torch.int16)


@pytest.mark.parametrize("domain", ["docs", "code"])
def test_the_base_has_the_loss_that_its_record_says(domain, text, base_folder):
    """On 100 of the record's 400 windows; `check` repeats all of them."""
    record = json.loads((base_folder / "pretrain.json").read_text(encoding="utf-8"))["values"]
    tokens = encode(text[f"{domain}/test"], base_folder / "tokenizer.json")
    losses = evaluate(load_model(base_folder / "base.safetensors"), tokens, 100)
    error = statistics.stdev(losses) / math.sqrt(len(losses))
    assert abs(statistics.fmean(losses) - record[f"loss_{domain}_nats"]) < 3 * error < 0.3
