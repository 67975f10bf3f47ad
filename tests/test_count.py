"""Closed forms against what the libraries build, and against numbers that others have printed."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from lora_ref import count

PUBLIC = json.loads(Path(__file__).with_name("public_numbers.json").read_text(encoding="utf-8"))["cases"]
PAPER_ONLY = ("GPT-3 175B (paper)", "DeBERTa-v2-XXL (paper)")
HUGGING_FACE = [name for name in count.names() if name not in PAPER_ONLY]
# Small enough to build with weights, and with sizes that no two layers share by accident.
SMALL = {
    family: {"model_type": family, "num_hidden_layers": 2, "hidden_size": 48, "vocab_size": 96} | fields
    for family, fields in {
        "llama": {
            "intermediate_size": 80,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 10,
        },
        "mistral": {"intermediate_size": 80, "num_attention_heads": 6, "num_key_value_heads": 3},
        "qwen2": {"intermediate_size": 80, "num_attention_heads": 6, "num_key_value_heads": 3},
        "bert": {
            "intermediate_size": 80,
            "num_attention_heads": 4,
            "max_position_embeddings": 32,
            "type_vocab_size": 2,
        },
        "roberta": {
            "intermediate_size": 80,
            "num_attention_heads": 4,
            "max_position_embeddings": 34,
            "type_vocab_size": 1,
        },
    }.items()
}
SMALL["gpt2"] = {
    "model_type": "gpt2",
    "n_embd": 48,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 32,
    "vocab_size": 96,
}


def build(fields, **more):
    """The transformers model of these fields, on the meta device: shapes without weights."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    fields = {name: value for name, value in fields.items() if name != "name"} | more
    config = AutoConfig.for_model(**fields)
    # BERT's and RoBERTa's totals are those of the encoder with its pooler.
    kind = AutoModel if fields["model_type"] in ("bert", "roberta") else AutoModelForCausalLM
    with torch.device("meta"):
        return kind.from_config(config)


def numel(model):
    return sum(parameter.numel() for parameter in model.parameters())  # a tied weight is listed once


# --- one matrix ---


def test_one_matrix():
    assert count.full(768, 768) == 589_824
    assert count.lora(768, 768, rank=16) == 24_576
    assert count.lora(4096, 1024, rank=8) == 8 * (4096 + 1024)


@pytest.mark.parametrize("d_in, d_out", [(16, 16), (128, 512), (4096, 1024)])
def test_break_even_ranks_solve_their_equations(d_in, d_out):
    rank = count.break_even_rank(d_in, d_out)
    assert count.lora(d_in, d_out, rank) == pytest.approx(count.full(d_in, d_out))
    rank = count.flop_break_even_rank(d_in, d_out)
    assert count.lora_flops(d_in, d_out, rank) == pytest.approx(count.full_flops(d_in, d_out))


def test_break_even_of_the_small_gpt():
    assert count.break_even_rank(128, 128) == 64
    assert count.flop_break_even_rank(128, 128) == pytest.approx(21.33, abs=0.01)


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_flops_are_those_that_torch_counts(rank):
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from lora_ref.lora import LoRALinear

    tokens, d_in, d_out = 10, 24, 40

    def flops(layer):
        x = torch.randn(tokens, d_in, requires_grad=True)  # as in the middle of a model
        with FlopCounterMode(display=False) as counter:
            layer(x).sum().backward()
        return counter.get_total_flops() / tokens

    full = torch.nn.Linear(d_in, d_out)
    assert flops(full) == count.full_flops(d_in, d_out)
    assert flops(LoRALinear(full, rank=rank)) == count.lora_flops(d_in, d_out, rank)


def test_flops_ratio():
    adapter = count.lora_parameters("Llama-2-7B", rank=16, targets="all-linear")
    frozen = count.matrix_parameters("Llama-2-7B")
    assert count.flops_ratio(adapter, frozen) == pytest.approx(0.673, abs=5e-4)
    assert count.flops_ratio(adapter, frozen, checkpointing=True) == pytest.approx(0.756, abs=5e-4)
    # the ratio of the sums over the layers, if the head is frozen on one side and trained on the other
    d, v = 4096, 32000
    shapes = count.linear_shapes("Llama-2-7B").values()
    lora = 32 * sum(count.lora_flops(*shape, rank=16) for shape in shapes) + 4 * d * v
    full = 32 * sum(count.full_flops(*shape) for shape in shapes) + 6 * d * v
    assert count.flops_ratio(adapter, frozen) == pytest.approx(lora / full)


# --- models ---


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_totals_are_those_that_transformers_builds(name):
    assert count.total_parameters(name) == numel(build(count.model(name)))


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("tied", [True, False])
def test_totals_of_small_models(family, tied):
    fields = SMALL[family] | {"tie_word_embeddings": tied}
    assert count.total_parameters(fields) == numel(build(fields))


@pytest.mark.parametrize("bias", ["attention_bias", "mlp_bias"])
def test_biases_of_llama(bias):
    fields = SMALL["llama"] | {bias: True}
    assert count.total_parameters(fields) == numel(build(fields))


@pytest.mark.parametrize("family", SMALL)
def test_a_silent_config_has_its_familys_default_head(family):
    assert count.total_parameters(SMALL[family]) == numel(build(SMALL[family]))


TARGETS = {
    "llama": ["all-linear", ("q_proj", "v_proj"), ("self_attn.o_proj",), ("up_proj",), ("lm_head",)],
    "mistral": ["all-linear", ("k_proj", "mlp.down_proj")],
    "qwen2": ["all-linear", ("q_proj", "k_proj", "v_proj", "o_proj")],
    "gpt2": ["all-linear", ("c_attn",), ("c_proj",), ("attn.c_proj",), ("mlp.c_proj", "c_fc")],
    "bert": ["all-linear", ("query", "value"), ("dense",), ("attention.output.dense",), ("output.dense",)],
    "roberta": ["all-linear", ("query", "value"), ("intermediate.dense", "key")],
}  # fmt: skip


@pytest.mark.parametrize("family, targets", [(family, each) for family in SMALL for each in TARGETS[family]])
def test_adapters_are_those_that_peft_makes(family, targets):
    from peft import LoraConfig, get_peft_model

    fields = SMALL[family] | {"tie_word_embeddings": family == "gpt2"}
    model = build(fields)
    wanted = targets if targets == "all-linear" else list(targets)
    trained, total = get_peft_model(model, LoraConfig(r=3, target_modules=wanted)).get_nb_trainable_parameters()
    assert count.lora_parameters(fields, rank=3, targets=targets) == trained
    assert count.total_parameters(fields) + trained == total


@pytest.mark.parametrize("family", SMALL)
def test_shapes_are_those_of_the_modules(family):
    shapes, seen = count.linear_shapes(SMALL[family]), set()
    for path, module in build(SMALL[family]).named_modules():
        names = [name for name in shapes if f".{path}".endswith(f".{name}")]
        if type(module).__name__ in ("Linear", "Conv1D") and path != "lm_head":
            name = max(names, key=len)  # attention.output.dense ends in output.dense too
            conv = type(module).__name__ == "Conv1D"
            assert shapes[name] == tuple(module.weight.shape if conv else reversed(module.weight.shape)), path
            seen.add(name)
    assert seen == set(shapes)


def test_one_target_can_be_a_string():
    one = count.lora_parameters("Llama-3.2-1B", rank=8, targets="q_proj")
    assert one == count.lora_parameters("Llama-3.2-1B", rank=8, targets=("q_proj",)) == 524_288


def test_matched_names_are_those_of_the_shapes():
    assert count.matched("GPT-2 small", "c_proj") == ["attn.c_proj", "mlp.c_proj"]
    assert count.matched("Llama-2-7B", "all-linear") == list(count.linear_shapes("Llama-2-7B"))


def test_matrix_parameters_include_a_tied_head():
    fields = SMALL["gpt2"]
    block = sum(count.full(*shape) for shape in count.linear_shapes(fields).values())
    assert count.head_parameters(fields) == 48 * 96
    assert count.matrix_parameters(fields) == 2 * block + 48 * 96
    assert count.head_parameters("BERT-base-uncased") == 0


def test_fused_c_attn_counts_as_separate_q_and_v_by_accident():
    # Equal counts are not equal methods: one A for q, k and v is not an A for each.
    fused = count.lora_parameters("GPT-2 small", rank=8, targets=("c_attn",))
    assert fused == count.lora_parameters("GPT-2 small", rank=8, targets=("q", "v")) == 294_912


# --- the relatives of LoRA ---

WITH_PEFT = [*SMALL, "GPT-2 large", "RoBERTa-base", "Qwen2.5-3B", "Llama-2-7B", "Llama-3-8B", "Mistral-7B-v0.1"]


def named(model):
    return SMALL[model] if model in SMALL else count.model(model)


def peft(fields, config, **settings):
    """(parameters that train, all parameters) of a model under PEFT."""
    import torch
    from peft import get_peft_model

    with torch.device("meta"):  # so that what PEFT adds is without weights, too
        return get_peft_model(build(fields), config(**settings)).get_nb_trainable_parameters()


@pytest.mark.parametrize("model", WITH_PEFT)
@pytest.mark.parametrize("targets", ["all-linear", "attention"])
def test_dora_is_that_of_peft(model, targets):
    from peft import LoraConfig

    fields = named(model)
    if targets == "attention":
        targets = {"gpt2": ("c_attn",), "bert": ("query", "value"), "roberta": ("query", "value")}
        targets = targets.get(fields["model_type"], ("q_proj", "v_proj"))
    wanted = targets if targets == "all-linear" else list(targets)
    trained, total = peft(fields, LoraConfig, r=3, target_modules=wanted, use_dora=True)
    assert count.dora_parameters(fields, rank=3, targets=targets) == trained
    assert count.total_parameters(fields) + trained == total


@pytest.mark.parametrize("model", WITH_PEFT)
def test_ia3_is_that_of_peft(model):
    from peft import IA3Config

    trained, total = peft(named(model), IA3Config)
    assert count.ia3_parameters(named(model)) == trained
    assert count.total_parameters(named(model)) + trained == total


def test_ia3_scales_what_peft_0_21_scales():
    from peft.utils import constants

    inputs = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    every = constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    for family in SMALL:
        ours = count.ia3_scaled(SMALL[family])
        assert ours[1] == tuple(inputs[family])
        assert ours[0] + ours[1] == tuple(every[family])


@pytest.mark.parametrize("model", WITH_PEFT)
def test_prompts_and_prefixes_are_those_of_peft(model):
    from peft import PrefixTuningConfig, PromptTuningConfig

    fields = named(model)
    task = "FEATURE_EXTRACTION" if fields["model_type"] in ("bert", "roberta") else "CAUSAL_LM"
    settings = {"task_type": task, "num_virtual_tokens": 7}
    assert count.prompt_parameters(fields, tokens=7) == peft(fields, PromptTuningConfig, **settings)[0]
    assert count.prefix_parameters(fields, tokens=7) == peft(fields, PrefixTuningConfig, **settings)[0]
    made = peft(fields, PrefixTuningConfig, prefix_projection=True, **settings)[0]
    assert count.reparameterized_prefix_parameters(fields, tokens=7) == made


@pytest.mark.parametrize("model", HUGGING_FACE)
def test_biases_and_norms_are_those_of_the_module(model):
    built = build(count.model(model))
    biases = [each.numel() for name, each in built.named_parameters() if name.endswith(".bias")]
    norms = [
        each.numel()
        for name, each in built.named_parameters()
        if "norm" in name.lower() or ".ln_" in name or name.startswith("ln_")
    ]
    assert count.bias_parameters(model) == sum(biases)
    assert count.norm_parameters(model) == sum(norms)


def test_bitfit_is_every_bias():
    for name in ("GPT-2 small", "BERT-base-uncased", "Qwen2.5-7B"):
        assert count.bitfit_parameters(name) == count.bias_parameters(name) > 0
    # a hand count: in a block q, k, v, o, up (4 wide), down and two norms; pooler and the embedding's norm
    assert count.bitfit_parameters("BERT-base-uncased") == 12 * (4 + 4 + 1 + 2) * 768 + 2 * 768
    assert count.bitfit_parameters(SMALL["llama"] | {"attention_bias": True}) == 2 * (60 + 20 + 20 + 48)


@pytest.mark.parametrize("name", ["Llama-2-7B", "Mistral-7B-v0.1", "TinyLlama-1.1B"])
def test_bitfit_is_not_applicable_without_biases(name):
    assert count.bias_parameters(name) == 0
    message = f"BitFit is not applicable to {name}: it holds no bias to train; ask bias_parameters()"
    with pytest.raises(ValueError, match=re.escape(message)):
        count.bitfit_parameters(name)


@pytest.mark.parametrize("placement, a_block", [("houlsby", 2), ("pfeiffer", 1)])
def test_adapters_are_modules_of_torch(placement, a_block):
    from torch import nn

    one = nn.Sequential(nn.Linear(768, 48), nn.ReLU(), nn.Linear(48, 768))
    assert count.bottleneck(768, 48) == numel(one)
    assert count.adapter_parameters("GPT-2 small", size=48, placement=placement) == 12 * a_block * numel(one)


def test_relatives_on_the_small_gpt():
    small = count.gpt(layers=4, width=128, vocab=1024)
    assert count.dora_parameters(small, 8, "all-linear") == 73_728 + 4 * (5 * 128 + 512)
    assert count.adapter_parameters(small, 16, "pfeiffer") == 4 * (2 * 16 * 128 + 16 + 128)
    assert count.ia3_parameters(small) == 4 * (128 + 128 + 512)
    assert count.prompt_parameters(small, 10) == 10 * 128
    assert count.prefix_parameters(small, 10) == 10 * 2 * 4 * 128

    from lora_ref.model import GPT, GPTConfig

    model = GPT(GPTConfig(layers=4, width=128, vocabulary=1024))
    biases = [each.numel() for name, each in model.named_parameters() if name.endswith("bias")]
    assert count.bitfit_parameters(small) == sum(biases)


def test_shares_name_their_denominators():
    trained = count.lora_parameters("Llama-2-7B", rank=64, targets="all-linear")
    assert f"{count.share_of_base(trained, 'Llama-2-7B'):.2%}" == "2.37%"
    assert f"{count.share_of_all(trained, 'Llama-2-7B'):.2%}" == "2.32%"  # PEFT's trainable%
    assert count.share_of_base(count.total_parameters("GPT-2 small"), "GPT-2 small") == 1


def test_what_papers_print_of_the_relatives():
    gpt3 = "GPT-3 175B (paper)"
    # Hu et al. 2021, table 4 and D.4: Adapter-H at sizes 1 and 8, PreEmbed with 256 + 8 tokens
    assert [round(count.adapter_parameters(gpt3, size, "houlsby") / 10**6, 1) for size in (1, 8)] == [7.1, 40.1]
    assert round(count.prompt_parameters(gpt3, 256 + 8) / 10**6, 1) == 3.2
    # Ben Zaken et al. 2022: 0.09% of BERT-base and 0.08% of BERT-large
    share = {name: count.share_of_base(count.bitfit_parameters(name), name) for name in HUGGING_FACE if "BERT-" in name}
    assert f"{share['BERT-base-uncased']:.2%}, {share['BERT-large-uncased']:.2%}" == "0.09%, 0.08%"
    # Liu et al. 2024 (DoRA), table 1, LLaMA-7B: LoRA 0.83, DoRA 0.84, DoRA at half the rank 0.43 percent
    targets = ("q_proj", "k_proj", "v_proj", "up_proj", "down_proj")  # their script's; shapes of Llama-2-7B
    counts = (
        count.lora_parameters("Llama-2-7B", 32, targets),
        count.dora_parameters("Llama-2-7B", 32, targets),
        count.dora_parameters("Llama-2-7B", 16, targets),
    )
    assert [f"{count.share_of_all(each, 'Llama-2-7B'):.2%}" for each in counts] == ["0.83%", "0.84%", "0.43%"]


# --- the small GPT ---


def test_the_small_gpt():
    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear
    from lora_ref.model import GPT, GPTConfig

    model = GPT(GPTConfig(layers=4, width=128, vocabulary=1024))
    assert count.gpt_parameters(layers=4, width=128, vocab=1024) == numel(model) == 924_416
    assert count.gpt_matrix_parameters(layers=4, width=128) == 786_432
    assert count.matrix_parameters(count.gpt(4, 128, 1024)) == 786_432 + 128 * 1024

    inject(model, "all-linear", wrap=lambda linear: LoRALinear(linear, rank=8))
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    small = count.gpt(layers=4, width=128, vocab=1024)
    assert count.lora_parameters(small, rank=8, targets="all-linear") == trained == 73_728


# --- what others printed ---


@pytest.mark.parametrize("case", [case for case in PUBLIC if "total" in case], ids=lambda case: case["id"])
def test_public_totals(case):
    total = count.total_parameters(case["model"])
    if case["method"] != "full":
        total += recount(case)  # PEFT's total is the base and what was added
    assert total == case["total"]


@pytest.mark.parametrize("case", [case for case in PUBLIC if case["method"] != "full"], ids=lambda case: case["id"])
def test_public_adapters(case):
    assert recount(case) == case["trainable"]
    if "percent" in case:
        share = 100 * count.share_of_all(recount(case), case["model"])
        assert share == pytest.approx(case["percent"], abs=5e-5)
    if "file_bytes" in case:  # fp32 numbers and a header of a few kilobytes
        assert 0 < case["file_bytes"] - 4 * recount(case) < 20_000


@pytest.mark.parametrize("case", [case for case in PUBLIC if "printed" in case], ids=lambda case: case["id"])
def test_printed_roundings_agree_or_differ_as_the_verdict_says(case):
    printed, digits = (float(case["printed"].removesuffix("M")), len(case["printed"].split(".")[1]) - 1)
    millions = recount(case) / 10**6
    truncated = int(millions * 10**digits) / 10**digits
    agrees = printed in (round(millions, digits), truncated)
    assert agrees == case["verdict"].startswith("agrees"), (millions, case["verdict"])
    assert case["verdict"].startswith(("agrees", "differs: "))


def test_the_reasons_of_the_cases_that_differ():
    differ = [case["id"] for case in PUBLIC if case.get("verdict", "").startswith("differs")]
    assert differ == ["hu2021-gpt2-medium", "hu2021-gpt2-large", "hu2021-deberta-xxl"]
    # GPT-2 medium: the released file holds as many fp32 numbers as the recount has
    assert 4 * count.lora_parameters("GPT-2 medium", 4, ("q", "v")) == pytest.approx(1.5e6, rel=0.05)
    # GPT-2 large: 0.74M, not 0.77M
    assert round(count.lora_parameters("GPT-2 large", 4, ("q", "v")) / 10**6, 2) == 0.74
    # DeBERTa: the printed 4.7M are those of rank 16, which the released script uses
    assert round(count.lora_parameters("DeBERTa-v2-XXL (paper)", 16, ("query", "value")) / 10**6, 1) == 4.7


def test_remarks_beside_the_cases():
    # PEFT's README: its prose says 0.19%, its output 0.1193%
    trained = count.lora_parameters("Qwen2.5-3B", 16, ("q_proj", "v_proj"))
    assert round(100 * trained / (count.total_parameters("Qwen2.5-3B") + trained), 2) == 0.12
    # torchtune's page: 4096 x 4096 is not "about 15M"
    assert count.full(4096, 4096) == 16_777_216
    # the file of 160 MB holds fp32 numbers
    assert 4 * count.lora_parameters("Llama-2-7B", 16, "all-linear") == pytest.approx(159.9e6, rel=1e-3)


def recount(case):
    if case["method"] == "prefix":
        return count.prefix_parameters(case["model"], case["tokens"])
    targets = case["targets"] if case["targets"] == "all-linear" else tuple(case["targets"])
    return count.lora_parameters(case["model"], rank=case["rank"], targets=targets)


# --- errors say what was expected, what came, what to do ---


def test_unknown_model():
    with pytest.raises(ValueError, match=r"no model is named 'Llama-2-7b'; the nearest names are Llama-2-7B, "):
        count.model("Llama-2-7b")


def test_unknown_target():
    message = r"Llama-2-7B has no linear layer named 'q_porj'; the nearest names are q_proj, "
    with pytest.raises(ValueError, match=message):
        count.lora_parameters("Llama-2-7B", rank=8, targets=("q_porj", "v_proj"))


@pytest.mark.parametrize("rank", [0, -1, 2.5, "8"])
def test_impossible_rank(rank):
    with pytest.raises(ValueError, match=f"rank must be a whole number from 1, got {rank!r}"):
        count.lora_parameters("Llama-2-7B", rank=rank, targets="all-linear")


@pytest.mark.parametrize(
    "name, ask",
    [
        ("rank", lambda number: count.dora_parameters("Llama-2-7B", number, "all-linear")),
        ("size", lambda number: count.adapter_parameters("Llama-2-7B", number, "houlsby")),
        ("tokens", lambda number: count.prompt_parameters("Llama-2-7B", number)),
        ("tokens", lambda number: count.prefix_parameters("Llama-2-7B", number)),
        ("tokens", lambda number: count.reparameterized_prefix_parameters("Llama-2-7B", number)),
    ],
)
def test_impossible_settings_of_the_relatives(name, ask):
    for number in (0, 1.5):
        with pytest.raises(ValueError, match=f"{name} must be a whole number from 1, got {number!r}"):
            ask(number)


def test_unknown_placement():
    with pytest.raises(ValueError, match="placement must be one of houlsby, pfeiffer, got 'parallel'"):
        count.adapter_parameters("Llama-2-7B", 64, "parallel")


@pytest.mark.parametrize("name", PAPER_ONLY)
def test_models_known_in_part(name):
    message = "only the attention matrices of .* are known, not every layer; name some of them"
    for ask in (
        lambda: count.total_parameters(name),
        lambda: count.matrix_parameters(name),
        lambda: count.lora_parameters(name, rank=8, targets="all-linear"),
        lambda: count.dora_parameters(name, rank=8, targets="all-linear"),
        lambda: count.bias_parameters(name),
        lambda: count.ia3_parameters(name),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_unknown_family():
    with pytest.raises(ValueError, match="model_type 'mamba' is not known; llama, mistral, .* are: add up"):
        count.total_parameters({"model_type": "mamba"})


def test_a_model_is_a_copy():
    count.model("Llama-2-7B")["hidden_size"] = 1
    assert count.model("Llama-2-7B")["hidden_size"] == 4096


# --- standard library only ---


@pytest.mark.parametrize("module", ["count", "memory"])
def test_only_the_standard_library_is_imported(module):
    source = Path(count.__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    assert foreign_imports(source) == set()


def test_the_walk_over_imports_can_fail():
    assert foreign_imports("def f():\n    from torch import nn\nimport math, numpy.linalg") == {
        "torch",
        "numpy",
    }


def foreign_imports(source):
    """Top-level packages that a module imports, anywhere in it, beside the standard library and count."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module != "lora_ref.count":
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names
