"""inject() against PEFT on published architectures, and against its own promises."""

import copy
from functools import partial

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import check_target_module_exists
from torch import nn
from torch.nn import functional as F

from lora_ref import count
from lora_ref.inject import inject
from lora_ref.lora import LoRALinear
from lora_ref.model import GPT, GPTConfig

LLAMA = transformers.LlamaConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=40
)
GPT2 = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=40, n_positions=8)
BERT = transformers.BertConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=40
)
VIT = transformers.ViTConfig(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=8, patch_size=4
)
OPT = transformers.OPTConfig(
    hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=40, word_embed_proj_dim=8
)
T5 = transformers.T5Config(d_model=16, d_ff=24, num_layers=2, num_heads=2, d_kv=8, vocab_size=40)
MODELS = {
    "llama": partial(transformers.LlamaForCausalLM, LLAMA),
    "llama without head": partial(transformers.LlamaModel, LLAMA),
    "gpt2": partial(transformers.GPT2LMHeadModel, GPT2),  # Conv1D
    "bert": partial(transformers.BertForMaskedLM, BERT),  # its head is cls.predictions.decoder
    "bert without head": partial(transformers.BertModel, BERT),
    "vit": partial(transformers.ViTModel, VIT),
    "vit classifier": partial(transformers.ViTForImageClassification, VIT),
    "opt": partial(transformers.OPTForCausalLM, OPT),  # project_in and project_out
    "t5": partial(transformers.T5ForConditionalGeneration, T5),
}


def nested() -> nn.Module:
    return nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.ReLU(), nn.ModuleDict({"out": nn.Linear(6, 3)}))


def tiny_gpt() -> GPT:
    return GPT(GPTConfig(layers=2, width=16, heads=2, vocabulary=32, context=8))


def names_of(model: nn.Module, kind: type) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, kind)]


# ---- as PEFT does


@pytest.mark.parametrize("name", MODELS)
def test_all_linear_is_pefts_all_linear(name):
    model = MODELS[name]()
    config = LoraConfig(r=2, target_modules="all-linear", fan_in_fan_out=name == "gpt2")
    theirs = get_peft_model(copy.deepcopy(model), config)
    linear = [
        n for n, module in model.named_modules() if isinstance(module, nn.Linear | transformers.pytorch_utils.Conv1D)
    ]
    injected = inject(model, "all-linear", partial(LoRALinear, rank=2))
    wrapped = [n.removeprefix("base_model.model.") for n in names_of(theirs, LoraLayer)]
    assert injected.matched == wrapped == names_of(model, LoRALinear)
    assert injected.skipped == [n for n in linear if n not in wrapped]
    ours = {n: p.shape for n, p in model.named_parameters() if p.requires_grad}
    assert sum(shape.numel() for shape in ours.values()) == theirs.get_nb_trainable_parameters()[0]


def test_the_whole_model_computes_what_pefts_computes():
    model = MODELS["gpt2"]().eval()
    config = LoraConfig(r=2, lora_alpha=6, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True)
    theirs = get_peft_model(copy.deepcopy(model), config).eval()
    injected = inject(model, ["c_attn", "c_fc"], partial(LoRALinear, rank=2, alpha=6))
    for name in injected.matched:
        layer, other = model.get_submodule(name), theirs.base_model.model.get_submodule(name)
        nn.init.normal_(layer.lora_B)
        with torch.no_grad():
            other.lora_A["default"].weight.copy_(layer.lora_A)
            other.lora_B["default"].weight.copy_(layer.lora_B)
    tokens = torch.randint(40, (2, 8))
    torch.testing.assert_close(model(tokens).logits, theirs(tokens).logits, rtol=1e-5, atol=1e-5)


LLAMA_LINEAR = names_of(MODELS["llama"](), nn.Linear)
SUFFIXES = sorted({".".join(name.split(".")[-parts:]) for name in LLAMA_LINEAR for parts in (1, 2, 3, 5)})


@given(st.lists(st.sampled_from(SUFFIXES), min_size=1, max_size=4))
@settings(max_examples=40)
def test_lists_match_as_pefts_lists_do(targets):
    model = MODELS["llama"]()
    config = LoraConfig(target_modules=targets)
    theirs = [name for name in LLAMA_LINEAR if check_target_module_exists(config, name)]
    injected = inject(model, targets, lambda module: module)
    assert injected.matched == theirs
    assert injected.skipped == [name for name in LLAMA_LINEAR if name not in theirs]


@pytest.mark.parametrize("target", ["proj", "q_pro", "_proj", "attn.q_proj", "layers.1", "Q_PROJ", "q_proj."])
def test_a_suffix_is_whole_parts_of_a_name(target):
    """Half a part is no match, and neither is a block: the default method wraps linear layers only."""
    with pytest.raises((ValueError, TypeError)):
        inject(MODELS["llama"](), [target])
    model = MODELS["llama"]()
    assert not any(check_target_module_exists(LoraConfig(target_modules=[target]), name) for name in LLAMA_LINEAR)
    assert not names_of(model, LoRALinear)


# ---- what matched, what did not, what is frozen


def test_matched_and_skipped_are_exact():
    model = tiny_gpt()
    assert inject(model, ["q_proj", "blocks.1.up_proj"]) == (
        ["blocks.0.attention.q_proj", "blocks.1.attention.q_proj", "blocks.1.up_proj"],
        [
            f"blocks.{block}.{name}"
            for block in (0, 1)
            for name in ("attention.k_proj", "attention.v_proj", "attention.o_proj", "up_proj", "down_proj")
            if (block, name) != (1, "up_proj")
        ],
    )


def test_names_in_nested_containers():
    model = nested()
    assert inject(model).matched == ["0.0", "2.out"]
    assert isinstance(model[0][0], LoRALinear) and isinstance(model[2]["out"], LoRALinear)
    assert inject(nested(), "0.0") == (["0.0"], ["2.out"])
    assert inject(nested(), ["out"]) == (["2.out"], ["0.0"])


def test_a_plain_models_head_is_known_by_its_name():
    model = nn.ModuleDict({"body": nn.Linear(4, 4), "lm_head": nn.Linear(4, 9)})
    assert inject(model) == (["body"], ["lm_head"])


def test_one_name_alone_is_a_list_of_one():
    assert inject(tiny_gpt(), "v_proj") == inject(tiny_gpt(), ["v_proj"]) == inject(tiny_gpt(), iter(["v_proj"]))


def test_everything_else_is_frozen():
    model = tiny_gpt()
    matched = inject(model, ["q_proj", "v_proj"], partial(LoRALinear, rank=4)).matched
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {f"{name}.{letter}" for name in matched for letter in ("lora_A", "lora_B")}
    numbers = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert numbers == count.lora_parameters(count.gpt(2, 16, 32), 4, ("q_proj", "v_proj"))


def test_a_step_moves_the_adapters_and_nothing_else():
    model = tiny_gpt()
    inject(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    tokens = torch.randint(32, (2, 9))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(2):
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {name for name in before if name.endswith(("lora_A", "lora_B"))}


def test_the_output_is_unchanged_at_the_start():
    model = tiny_gpt()
    tokens = torch.randint(32, (2, 8))
    before = model(tokens)
    inject(model)
    assert torch.equal(model(tokens), before)


def test_a_method_of_ones_own():
    class Doubled(nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base = base.requires_grad_(False)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.scale * self.base(x)

    model, x = nested(), torch.randn(5, 4)
    inject(model, ["out"], Doubled)
    assert isinstance(model[2]["out"], Doubled)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == ["2.out.scale"]
    hidden = model[0](x).relu()
    assert torch.equal(model[2]["out"](hidden), 2 * model[2]["out"].base(hidden))


# ---- what goes wrong


@pytest.mark.parametrize(
    ("target", "nearest"),
    [("q_prj", "q_proj"), ("q_projection", "q_proj"), ("attentoin", "attention"), ("blocks.0.q_proj", "q_proj")],
)
def test_nothing_matched_names_the_nearest(target, nearest):
    with pytest.raises(ValueError, match=rf"no module is named '{target}'; the nearest names are .*\b{nearest}\b"):
        inject(tiny_gpt(), ["v_proj", target])


def test_nothing_matched_and_nothing_near():
    with pytest.raises(
        ValueError, match="no module is named 'zzzzzz'; the nearest names are attention, attention_norm"
    ):
        inject(tiny_gpt(), "zzzzzz")


def test_nothing_matched_leaves_the_model_alone():
    model = tiny_gpt()
    with pytest.raises(ValueError, match="no module"):
        inject(model, ["q_proj", "zzzzzz"])
    assert not names_of(model, LoRALinear) and all(parameter.requires_grad for parameter in model.parameters())


def test_a_model_without_linear_layers():
    with pytest.raises(ValueError, match="Sequential has no linear layer to adapt; name the modules instead"):
        inject(nn.Sequential(nn.Embedding(3, 4), nn.ReLU()))


@pytest.mark.parametrize("name", ["lm_head", "wte"])
def test_a_tied_weight_is_refused(name):
    other = {"lm_head": "transformer.wte", "wte": "lm_head"}[name]
    model = MODELS["gpt2"]()
    with pytest.raises(ValueError, match=rf"'.*{name}' shares its weight with '{other}'.* untie them first or leave"):
        inject(model, [name])
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_untied_head_may_be_named():
    model = MODELS["llama"]()
    assert inject(model, ["lm_head"]).matched == ["lm_head"]


def test_a_module_that_is_no_linear_layer_is_refused():
    with pytest.raises(TypeError, match="LoRALinear wraps an nn.Linear or GPT-2's Conv1D, got LayerNorm"):
        inject(tiny_gpt(), ["norm"])


def tied_pair() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    return model


def shared_module() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize("make", [tied_pair, shared_module])
@pytest.mark.parametrize("targets", ["all-linear", ["0"]])
def test_shared_linear_layers_are_refused(make, targets):
    with pytest.raises(ValueError, match="shares its weight with"):
        inject(make(), targets)


def test_a_refused_module_leaves_the_model_alone():
    model = nested()
    with pytest.raises(TypeError):
        inject(model, ["0"])
    with pytest.raises(TypeError):
        inject(model, ["0.0", "1"])
    assert not names_of(model, LoRALinear) and all(parameter.requires_grad for parameter in model.parameters())
