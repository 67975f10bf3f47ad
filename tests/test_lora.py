"""LoRALinear against PEFT, against its closed forms, and against what it promises about the frozen weight."""

import copy
import importlib.util
import math
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.testing import assert_close
from transformers.pytorch_utils import Conv1D

from lora_ref import count
from lora_ref.lora import LoRALinear

# alpha / rank: a power of two, whose product with a number is exact, and one that rounds.
SCALES = [pytest.param(8, 16, id="scale-2"), pytest.param(6, 10, id="scale-1.67")]
KINDS = ("linear", "conv1d")


def make_base(kind: str = "linear", d_in: int = 24, d_out: int = 40, dtype: torch.dtype = torch.float32) -> nn.Module:
    if kind == "linear":
        return nn.Linear(d_in, d_out, dtype=dtype)
    base = Conv1D(d_out, d_in).to(dtype)  # stores (in, out)
    nn.init.normal_(base.weight, std=0.1)
    nn.init.normal_(base.bias)
    return base


def make_tuned(kind: str = "linear", dtype: torch.dtype = torch.float32, dropout: float = 0.0, **sizes) -> LoRALinear:
    """A layer whose B is no longer zero."""
    layer = LoRALinear(make_base(kind, dtype=dtype, **sizes), rank=6, alpha=10, dropout=dropout)
    nn.init.normal_(layer.lora_B, std=0.1)
    return layer


def peft_layer(base: nn.Module, rank: int, alpha: float, dropout: float = 0.0) -> nn.Module:
    """PEFT's LoRA around a copy of `base`."""
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=["0"],
        fan_in_fan_out=isinstance(base, Conv1D),
    )
    return get_peft_model(nn.Sequential(copy.deepcopy(base)), config).base_model.model[0]


def weights_of(theirs: nn.Module) -> tuple[nn.Parameter, nn.Parameter]:
    return theirs.lora_A["default"].weight, theirs.lora_B["default"].weight


def make_pair(kind: str, rank: int, alpha: float, dtype: torch.dtype, zero_B: bool = False):
    """Ours and PEFT's with the same numbers in them."""
    base = make_base(kind, dtype=dtype)
    theirs = peft_layer(base, rank, alpha)
    ours = LoRALinear(base, rank=rank, alpha=alpha)
    A, B = weights_of(theirs)
    with torch.no_grad():
        if not zero_B:
            nn.init.normal_(B, std=0.1)
        ours.lora_A.copy_(A)
        ours.lora_B.copy_(B)
    return ours, theirs


# ---- at the start


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_layer_starts_as_the_old_one_to_the_last_bit(kind, dtype):
    base = make_base(kind, dtype=dtype)
    x = torch.randn(7, 5, 24, dtype=dtype)
    before = base(x)
    assert torch.equal(LoRALinear(base, rank=4, alpha=7)(x), before)


def test_at_the_start_only_B_has_a_gradient():
    layer = LoRALinear(make_base(), rank=4)
    layer(torch.randn(7, 24)).square().sum().backward()
    assert torch.equal(layer.lora_A.grad, torch.zeros(4, 24))
    assert (layer.lora_B.grad != 0).all()
    assert layer.base.weight.grad is None and layer.base.bias.grad is None


@pytest.mark.parametrize("kind", KINDS)
def test_A_is_drawn_as_peft_draws_it(kind):
    """Bit for bit from the same state of the generator; PEFT itself draws twice before, to make the modules."""
    base = make_base(kind)
    theirs = peft_layer(base, 8, 16)
    torch.manual_seed(7)
    theirs.reset_lora_parameters("default", init_lora_weights=True)
    torch.manual_seed(7)
    ours = LoRALinear(base, rank=8, alpha=16)
    A, B = weights_of(theirs)
    assert torch.equal(ours.lora_A, A) and torch.equal(ours.lora_B, B)


@pytest.mark.parametrize("kind", KINDS)
def test_A_is_uniform_within_loralibs_bounds(kind):
    """loralib: kaiming_uniform_(A, a=sqrt(5)), that is within 1/sqrt(in) either way, whatever the rank."""
    A = LoRALinear(make_base(kind, d_in=400), rank=64).lora_A
    bound = 1 / math.sqrt(400)
    assert A.shape == (64, 400)
    assert A.abs().max() <= bound
    assert A.max() > 0.99 * bound and A.min() < -0.99 * bound
    # A uniform number's deviation is bound / sqrt(3); four deviations of its estimate from 25,600 draws: 1.2%.
    assert_close(A.std().item(), bound / math.sqrt(3), rtol=0.012, atol=0)
    assert abs(A.mean().item()) < 4 * bound / math.sqrt(3 * A.numel())


# ---- PEFT's layer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rank", "alpha"), SCALES)
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # The two scale at different places and may sum in a different order: a few roundings of numbers near 1.
    # Measured: at scale 2 at most 4e-16 (fp64) and 0 (fp32); at scale 1.67 5e-15 and 3e-6. Bit for bit would
    # hold at scale 2 on some machines only.
    [(torch.float64, 1e-13), (torch.float32, 2e-5)],
)
def test_outputs_and_gradients_equal_pefts(kind, rank, alpha, dtype, tolerance):
    ours, theirs = make_pair(kind, rank, alpha, dtype)
    inputs = [torch.randn(3, 5, 24, dtype=dtype).requires_grad_()]
    inputs.append(inputs[0].detach().clone().requires_grad_())
    weight = torch.randn(3, 5, 40, dtype=dtype)
    outputs = [layer(x) for layer, x in zip((ours, theirs), inputs, strict=True)]
    for y in outputs:
        (y * weight).sum().backward()
    A, B = weights_of(theirs)
    close = {"rtol": tolerance, "atol": tolerance}
    assert_close(*outputs, **close)
    assert_close(ours.lora_A.grad, A.grad, **close)
    assert_close(ours.lora_B.grad, B.grad, **close)
    assert_close(inputs[0].grad, inputs[1].grad, **close)
    # The same product, scaled after it, in both: equal to the last bit.
    assert torch.equal(ours.delta_weight(), theirs.get_delta_weight("default"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rank", "alpha"), SCALES)
def test_adamw_steps_equal_pefts(kind, rank, alpha):
    """From zero B on: the first step moves B alone, the second A too.

    Adam divides a gradient by its own size, so a rounding of 1e-16 in a gradient of size 1e-3 or more moves
    a weight by 1e-13 of the rate; 1e-10 leaves room for the small gradients among them.
    """
    ours, theirs = make_pair(kind, rank, alpha, torch.float64, zero_B=True)
    x, target = torch.randn(30, 24, dtype=torch.float64), torch.randn(30, 40, dtype=torch.float64)
    start = ours.lora_A.detach().clone()
    optimizers = [torch.optim.AdamW([p for p in layer.parameters() if p.requires_grad]) for layer in (ours, theirs)]
    for step in range(3):
        for layer, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            (layer(x) - target).square().mean().backward()
            optimizer.step()
        A, B = weights_of(theirs)
        if step == 0:
            decayed = start * (1 - 1e-3 * 1e-2)  # rate times AdamW's default weight decay
            assert_close(ours.lora_A, decayed, rtol=1e-15, atol=0)
        assert_close(ours.lora_A, A, rtol=0, atol=1e-10)
        assert_close(ours.lora_B, B, rtol=0, atol=1e-10)
    assert ours.lora_B.abs().max() > 1e-3


@pytest.mark.parametrize(("rank", "alpha"), SCALES)
def test_fp32_adapters_on_a_bf16_base_equal_pefts(rank, alpha):
    """PEFT's default (autocast_adapter_dtype): adapters in fp32, the sum rounded to bf16 once."""
    ours, theirs = make_pair("linear", rank, alpha, torch.bfloat16)
    A, B = weights_of(theirs)
    assert A.dtype == torch.float32
    ours.lora_A = nn.Parameter(A.detach().clone())
    ours.lora_B = nn.Parameter(B.detach().clone())
    x = torch.randn(3, 5, 24, dtype=torch.bfloat16)
    y = ours(x)
    assert y.dtype == torch.bfloat16
    # One step of bf16, 2**-8 of a number, where the fp32 sums straddle a rounding border.
    assert_close(y, theirs(x), rtol=2**-8, atol=1e-6)
    y.float().sum().backward()
    assert ours.lora_A.grad.dtype == torch.float32


# ---- the update


@given(
    kind=st.sampled_from(KINDS),
    d_in=st.integers(1, 24),
    d_out=st.integers(1, 24),
    rank=st.integers(1, 12),
    alpha=st.floats(0.1, 64),
)
@settings(max_examples=60)
def test_parameters_and_rank_of_any_shape(kind, d_in, d_out, rank, alpha):
    base = make_base(kind, d_in, d_out, torch.float64)
    layer = LoRALinear(base, rank=rank, alpha=alpha)
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]
    assert sum(parameter.numel() for parameter in trained) == count.lora(d_in, d_out, rank)
    nn.init.normal_(layer.lora_B)
    assert layer.delta_weight().shape == base.weight.shape
    assert torch.linalg.matrix_rank(layer.delta_weight()) <= min(rank, d_in, d_out)
    eye = torch.eye(d_in, dtype=torch.float64)  # its outputs are the rows of the weight as x W
    update = layer.delta_weight() if kind == "conv1d" else layer.delta_weight().T
    size = max(1.0, update.abs().max().item())
    assert_close(layer(eye) - base(eye), update, rtol=0, atol=1e-13 * size)
    assert_close(layer.scaling, alpha / rank, rtol=1e-15, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_delta_weight_is_the_formula(kind):
    layer = make_tuned(kind)
    update = (10 / 6) * layer.lora_B @ layer.lora_A
    assert_close(layer.delta_weight(), update.T if kind == "conv1d" else update, rtol=1e-6, atol=1e-7)
    layer.delta_weight().sum().backward()
    assert layer.lora_A.grad is not None


# ---- merging


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", ["device", "cpu", None])
def test_merged_equals_unmerged(kind, keep):
    layer, x = make_tuned(kind), torch.randn(9, 24)
    before = layer(x)
    layer.merge(keep=keep)
    assert layer.merged
    # fp32: each weight of the sum is rounded once, 6e-8 of numbers below 1, times 24 of them in an output.
    assert_close(layer(x), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bf16_merge_costs_a_few_roundings(kind):
    """Rounding to bf16 moves a number by at most 2**-9 of itself; here the update, the sum and the outputs are
    rounded. Measured over 20 seeds: 0.0034 to 0.0035 (linear), 0.0032 to 0.0033 (conv1d) of the output's norm.
    """
    layer, x = make_tuned(kind, torch.bfloat16, d_in=256, d_out=256), torch.randn(64, 256).bfloat16()
    with torch.no_grad():
        before = layer(x).float()
        layer.merge()
        assert layer(x).dtype == torch.bfloat16
        error = (layer(x).float() - before).norm() / before.norm()
    assert 0 < error < 2**-8


def test_a_bf16_merge_with_fp32_adapters_rounds_once():
    layer = make_tuned(dtype=torch.bfloat16)
    layer.lora_A, layer.lora_B = (nn.Parameter(p.detach().float()) for p in (layer.lora_A, layer.lora_B))
    expected = (layer.base.weight.float() + layer.delta_weight()).bfloat16()
    layer.merge()
    assert torch.equal(layer.base.weight, expected)


@pytest.mark.parametrize("keep", ["device", "cpu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_unmerging_restores_the_weight_bit_for_bit(keep, dtype):
    layer, x = make_tuned(dtype=dtype), torch.randn(9, 24, dtype=dtype)
    weight, output = layer.base.weight.clone(), layer(x)
    layer.merge(keep=keep)
    assert not torch.equal(layer.base.weight, weight)
    layer.unmerge()
    assert not layer.merged
    assert torch.equal(layer.base.weight, weight) and torch.equal(layer(x), output)


def test_subtracting_would_not_restore_it():
    """Why the original is kept."""
    layer = make_tuned(dtype=torch.bfloat16)
    weight = layer.base.weight.clone()
    layer.merge(keep=None)
    residue = (layer.base.weight.float() - layer.delta_weight().float()).bfloat16()
    assert not torch.equal(residue, weight)


def test_merging_twice_is_merging_once():
    layer = make_tuned()
    original = layer.base.weight.clone()
    layer.merge()
    merged = layer.base.weight.clone()
    layer.merge(keep=None)  # neither adds again nor forgets the original
    assert torch.equal(layer.base.weight, merged)
    layer.unmerge()
    layer.unmerge()
    assert torch.equal(layer.base.weight, original)


def test_unmerging_refuses_without_the_original():
    layer = make_tuned()
    layer.merge(keep=None)
    merged = layer.base.weight.clone()
    with pytest.raises(RuntimeError, match=r"merge\(keep=None\) kept no copy .*; merge with keep=\"cpu\" or"):
        layer.unmerge()
    assert layer.merged and torch.equal(layer.base.weight, merged)


def test_merge_says_what_keep_may_be():
    layer = make_tuned()
    weight = layer.base.weight.clone()
    with pytest.raises(Exception, match="keep") as error:
        layer.merge(keep="disk")
    assert str(error.value) == 'keep must be "device", "cpu" or None, got \'disk\''
    assert not layer.merged and torch.equal(layer.base.weight, weight)


def test_merging_is_not_tied_to_train_and_eval():
    layer = make_tuned()
    weight = layer.base.weight.clone()
    for mode in (False, True, False):
        layer.train(mode)
        assert not layer.merged and torch.equal(layer.base.weight, weight)
    layer.merge()
    merged = layer.base.weight.clone()
    for mode in (True, False, True):
        layer.train(mode)
        assert layer.merged and torch.equal(layer.base.weight, merged)


# ---- inputs, modes, dtypes


@pytest.mark.parametrize("shape", [(24,), (9, 24), (3, 5, 24), (2, 3, 5, 24), (0, 24), (3, 0, 24)], ids=str)
def test_any_number_of_dimensions(shape):
    layer = make_tuned()
    x = torch.randn(shape)
    expected = layer.base(x) + (10 / 6) * x @ layer.lora_A.T @ layer.lora_B.T
    assert layer(x).shape == expected.shape == (*shape[:-1], 40)
    assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)


def test_inputs_that_are_not_contiguous():
    layer, x = make_tuned(), torch.randn(24, 5, 3).permute(2, 1, 0)  # (3, 5, 24)
    assert_close(layer(x), layer(x.contiguous()), rtol=0, atol=1e-6)


def test_dropout_is_on_the_thin_path_and_only_in_training():
    layer, x = make_tuned(dropout=0.5), torch.ones(1, 24)
    plain = make_tuned()
    plain.load_state_dict(layer.state_dict())
    layer.eval()
    assert torch.equal(layer(x), plain(x))
    layer.train()
    outputs = torch.cat([layer(x) for _ in range(4000)])
    assert outputs.std(dim=0).min() > 0
    # Dropout keeps the mean. Five deviations of it over 4,000 draws.
    assert_close(outputs.mean(dim=0), plain(x)[0], rtol=0, atol=5 * outputs.std().item() / math.sqrt(4000))
    # With the thin path at zero nothing is random: the frozen path never drops.
    nn.init.zeros_(layer.lora_B)
    assert torch.equal(layer(x), layer.base(x))


@pytest.mark.parametrize("adapters", [torch.float32, torch.bfloat16])
def test_autocast_gives_what_the_base_layer_gives(adapters):
    layer, x = make_tuned(), torch.randn(9, 24)
    layer.lora_A, layer.lora_B = (nn.Parameter(p.detach().to(adapters)) for p in (layer.lora_A, layer.lora_B))
    expected = layer(x).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == layer.base(x).dtype == torch.bfloat16
        assert_close(layer(x).float(), expected, rtol=0.02, atol=0.05)
        layer(x).float().sum().backward()
    assert layer.lora_A.grad.dtype == adapters


def test_compiles_without_a_break():
    """On the module as users import it: the checked copy that tests see is another program."""
    spec = importlib.util.find_spec("lora_ref.lora")
    plain = importlib.util.module_from_spec(importlib.util.spec_from_file_location("plain_lora", spec.origin))
    plain.__spec__.loader.exec_module(plain)
    layer, x = plain.LoRALinear(make_base(), rank=4), torch.randn(9, 24)
    nn.init.normal_(layer.lora_B)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        y = compiled(x)
    y.sum().backward()
    assert_close(y, layer(x), rtol=1e-6, atol=1e-6)
    assert layer.lora_A.grad is not None and layer.lora_B.grad is not None


def test_shapes_are_checked_in_tests():
    """The hook of conftest.py bites: an annotation that fails is an error here."""
    with pytest.raises(Exception, match="type|dtype|Float"):
        LoRALinear(make_base())(torch.ones(9, 24, dtype=torch.int64))


# ---- what goes in


@pytest.mark.parametrize("rank", [0, -3])
def test_rank_below_one(rank):
    with pytest.raises(ValueError, match=f"rank must be 1 or more, got {rank}; to train nothing, leave the layer"):
        LoRALinear(make_base(), rank=rank)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 1.5, math.nan])
def test_dropout_out_of_range(dropout):
    with pytest.raises(ValueError, match=f"dropout must be at least 0 and below 1, got {dropout}"):
        LoRALinear(make_base(), dropout=dropout)


@pytest.mark.parametrize("module", [nn.Embedding(4, 4), nn.LayerNorm(4), nn.Bilinear(4, 4, 4), nn.Conv1d(4, 4, 1)])
def test_a_module_that_is_no_linear_layer(module):
    name = type(module).__name__
    with pytest.raises(TypeError, match=f"wraps an nn.Linear or GPT-2's Conv1D, got {name}; name a linear layer"):
        LoRALinear(module)


def test_what_it_says_of_itself():
    layer = LoRALinear(make_base(), rank=6, alpha=10)
    assert layer.extra_repr() == "rank=6, scaling=1.66667, merged=False"
    layer.merge()
    assert "merged=True" in repr(layer)


# ---- what it keeps


@pytest.mark.parametrize("kind", KINDS)
def test_training_leaves_the_frozen_tensors_bit_identical(kind):
    layer, x = make_tuned(kind), torch.randn(9, 24)
    before = {name: parameter.detach().clone() for name, parameter in layer.named_parameters()}
    trained = {name for name, parameter in layer.named_parameters() if parameter.requires_grad}
    assert trained == {"lora_A", "lora_B"}
    optimizer = torch.optim.AdamW(layer.parameters(), weight_decay=0.1)  # handed everything, as a user might
    for _ in range(2):
        layer(x).square().mean().backward()
        optimizer.step()
    same = {name for name, parameter in layer.named_parameters() if torch.equal(parameter, before[name])}
    assert same == {"base.weight", "base.bias"}


def test_the_dtype_and_device_are_the_bases():
    layer = LoRALinear(make_base(dtype=torch.bfloat16))
    assert layer.lora_A.dtype == layer.lora_B.dtype == torch.bfloat16
    layer = LoRALinear(nn.Linear(4, 4, device="meta"))
    assert layer.lora_A.is_meta and layer.lora_B.is_meta


def test_state_dict_round_trip():
    layer, x = make_tuned(), torch.randn(9, 24)
    assert set(layer.state_dict()) == {"base.weight", "base.bias", "lora_A", "lora_B"}
    other = LoRALinear(make_base(), rank=6, alpha=10)
    assert not torch.equal(other(x), layer(x))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), layer(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@pytest.mark.parametrize("merged", [False, True])
def test_copies_are_whole_and_independent(copied, merged):
    layer, x = make_tuned(), torch.randn(9, 24)
    original = layer.base.weight.clone()
    if merged:
        layer.merge()
    other = copied(layer)
    assert torch.equal(other(x), layer(x)) and other.merged == merged
    assert {name for name, parameter in other.named_parameters() if parameter.requires_grad} == {"lora_A", "lora_B"}
    output = layer(x)
    other.unmerge()
    nn.init.zeros_(other.lora_B)
    assert torch.equal(other.base.weight, original)
    assert torch.equal(layer(x), output)
