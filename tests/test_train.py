"""The one training loop: paired by seed, scheduled and clipped as it says, and an evaluation that never moves."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.testing import assert_close

from lora_ref.inject import inject
from lora_ref.model import GPT, GPTConfig
from lora_ref.train import TrainConfig, draw_windows, evaluate, next_token_loss, train_model, warmup_cosine

TOKENS = torch.randint(32, (500,), generator=torch.Generator().manual_seed(1)).to(torch.int16)
CONFIG = TrainConfig(steps=12, learning_rate=1e-2, batch=4, context=8, warmup=3)


def tiny_gpt(seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(GPTConfig(layers=1, width=16, heads=2, vocabulary=32, context=8))


class Recorded(nn.Module):
    """A model that remembers what it was shown."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.seen = model, []

    def forward(self, tokens):
        self.seen.append(tokens.clone())
        return self.model(tokens)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def optimizer_steps():
    """What the optimizer sees before each step: (learning rate, global norm of the gradient, weight decay)."""
    seen = []

    def look(optimizer, args, kwargs):
        group = optimizer.param_groups[0]
        norm = torch.stack([p.grad.norm() for p in group["params"] if p.grad is not None]).norm().item()
        seen.append((group["lr"], norm, group["weight_decay"]))

    handle = register_optimizer_step_pre_hook(look)
    yield seen
    handle.remove()


# ---- pairs


def test_the_same_seed_gives_bit_identical_losses_and_weights(one_thread):
    runs = []
    for noise in (1, 2):  # the global generator's state is no part of it
        model = tiny_gpt()
        torch.manual_seed(noise)
        runs.append((train_model(model, TOKENS, CONFIG, seed=5), model.state_dict()))
    assert runs[0][0] == runs[1][0]
    assert all(torch.equal(runs[0][1][name], runs[1][1][name]) for name in runs[0][1])
    assert train_model(tiny_gpt(), TOKENS, CONFIG, seed=6) != runs[0][0]


def test_another_method_sees_the_same_windows():
    full, lora = Recorded(tiny_gpt()), Recorded(tiny_gpt())
    inject(lora.model)
    losses = [train_model(model, TOKENS, CONFIG, seed=5) for model in (full, lora)]
    assert len(full.seen) == len(lora.seen) == CONFIG.steps
    assert all(torch.equal(a, b) for a, b in zip(full.seen, lora.seen, strict=True))
    assert not torch.equal(full.seen[0], full.seen[1])
    assert losses[0][0] == losses[1][0] and losses[0][-1] != losses[1][-1]  # one start, two ways


def test_a_shorter_run_sees_the_first_windows_of_a_longer_one():
    runs = [Recorded(tiny_gpt()), Recorded(tiny_gpt())]
    for steps, model in zip((4, 12), runs, strict=True):
        train_model(model, TOKENS, TrainConfig(steps, 1e-2, batch=4, context=8), seed=5)
    assert all(torch.equal(a, b) for a, b in zip(runs[0].seen, runs[1].seen, strict=False))


def test_windows_are_pieces_of_the_text_anywhere_in_it():
    counted = torch.arange(30, dtype=torch.int16)
    windows = draw_windows(counted, 2000, 8, torch.Generator().manual_seed(0))
    assert windows.shape == (2000, 9) and windows.dtype == torch.int64
    assert torch.equal(windows - windows[:, :1], torch.arange(9).expand(2000, 9))
    assert set(windows[:, 0].tolist()) == set(range(22))  # from the first place to the last that holds a window
    assert windows.max() == 29
    shortest = draw_windows(counted[:9], 3, 8, torch.Generator())  # a text of one window
    assert torch.equal(shortest, torch.arange(9).expand(3, 9))


# ---- the schedule and the step


@given(steps=st.integers(1, 300), warmup=st.integers(0, 300))
def test_warmup_cosine_rises_then_falls(steps, warmup):
    config = TrainConfig(steps=steps, learning_rate=1.0, warmup=warmup)
    factors = [warmup_cosine(step, config) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert all(earlier < later for earlier, later in pairwise(factors[: warmup + 1]))
    assert all(earlier > later for earlier, later in pairwise(factors[warmup:]))
    if steps > warmup:
        assert factors[warmup] == 1
        assert warmup_cosine(steps, config) < 1e-12
        if (steps - warmup) % 2 == 0:
            assert_close(warmup_cosine((steps + warmup) // 2, config), 0.5, rtol=0, atol=1e-12)
    if 0 < warmup < steps:  # the rise is a straight line from zero, one step before the first
        assert_close(factors[0], 1 / (warmup + 1), rtol=1e-12, atol=0)


def test_the_optimizer_takes_the_rate_of_the_schedule(optimizer_steps):
    config = TrainConfig(steps=12, learning_rate=3e-3, batch=2, context=8, warmup=3, weight_decay=0.1)
    train_model(tiny_gpt(), TOKENS, config, seed=0)
    expected = [3e-3 * warmup_cosine(step, config) for step in range(12)]
    assert_close([rate for rate, _, _ in optimizer_steps], expected, rtol=1e-12, atol=0)
    assert {decay for _, _, decay in optimizer_steps} == {0.1}


def test_weight_decay_is_off_unless_asked_for(optimizer_steps):
    train_model(tiny_gpt(), TOKENS, CONFIG, seed=0)
    assert {decay for _, _, decay in optimizer_steps} == {0.0}


def test_the_gradient_is_clipped_by_its_global_norm(optimizer_steps):
    for clip in (1e9, 0.05):
        train_model(tiny_gpt(), TOKENS, TrainConfig(6, 1e-2, batch=4, context=8, clip=clip), seed=0)
    free, clipped = ([norm for _, norm, _ in part] for part in (optimizer_steps[:6], optimizer_steps[6:]))
    assert min(free) > 0.05
    assert_close(clipped, [0.05] * 6, rtol=1e-4, atol=0)
    optimizer_steps.clear()
    train_model(tiny_gpt(), TOKENS, CONFIG, seed=0)
    assert max(norm for _, norm, _ in optimizer_steps) <= 1 + 1e-5  # the default


def test_a_gradient_is_of_one_step_alone():
    """A loop that forgets to clear gradients would repeat the first step's."""
    model = tiny_gpt()
    train_model(model, TOKENS, CONFIG, seed=0)
    last = model.embedding.weight.grad.clone()
    model.zero_grad()
    generator = torch.Generator().manual_seed(0)
    for _ in range(CONFIG.steps):
        windows = draw_windows(TOKENS, CONFIG.batch, CONFIG.context, generator)
    next_token_loss(model, windows).mean().backward()
    # The weights have moved by the last step, a hundredth of the first, since the gradient was taken.
    assert torch.cosine_similarity(last.flatten(), model.embedding.weight.grad.flatten(), dim=0) > 0.99


def test_nothing_to_train_is_an_error():
    with pytest.raises(ValueError) as error:
        train_model(tiny_gpt().requires_grad_(False), TOKENS, CONFIG, seed=0)
    assert str(error.value) == "nothing to train: no parameter requires a gradient; inject a method first"


def test_only_what_requires_gradients_moves():
    model = tiny_gpt()
    matched = inject(model, ["q_proj", "down_proj"]).matched
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    train_model(model, TOKENS, CONFIG, seed=0)
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {f"{name}.{letter}" for name in matched for letter in ("lora_A", "lora_B")}


def test_progress_is_reported_and_the_mode_is_training():
    told = []
    model = tiny_gpt().eval()
    losses = train_model(model, TOKENS, CONFIG, seed=0, report=lambda step, steps: told.append((step, steps)))
    assert told == [(step, 12) for step in range(1, 13)]
    assert len(losses) == 12 and all(isinstance(loss, float) for loss in losses)
    assert model.training


def test_the_loss_falls():
    text = torch.arange(16).repeat(40).to(torch.int16)  # each token says the next
    model = tiny_gpt()
    before = evaluate(model, text, 8, context=8)
    losses = train_model(model, text, TrainConfig(120, 1e-2, batch=8, context=8), seed=0)
    after = evaluate(model, text, 8, context=8)
    assert_close(losses[0], math.log(32), rtol=0.05, atol=0)
    assert max(after) < 0.1 < min(before)
    assert losses[-1] < 0.1


# ---- the loss and the evaluation


def test_the_loss_is_the_cross_entropy_of_each_next_token():
    model, windows = tiny_gpt(), torch.randint(32, (3, 9))
    losses = next_token_loss(model, windows)
    assert losses.shape == (3, 8)
    log_p = F.log_softmax(model(windows[:, :-1]), dim=-1)
    for row in range(3):
        for place in range(8):
            assert_close(losses[row, place], -log_p[row, place, windows[row, place + 1]], rtol=1e-5, atol=1e-6)
    assert next_token_loss(tiny_gpt().bfloat16(), windows).dtype == torch.float32  # summed up in fp32


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_restores_the_mode_and_repeats_itself(training):
    model = tiny_gpt().train(training)
    model.norm = nn.Sequential(model.norm, nn.Dropout(0.5))
    model.train(training)
    first = evaluate(model, TOKENS, 10, context=8)
    torch.manual_seed(99)
    assert evaluate(model, TOKENS, 10, context=8) == first  # no dropout, no drawing
    assert model.training is training and model.norm[1].training is training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_evaluation_spreads_its_windows_over_the_text():
    model = Recorded(tiny_gpt())
    losses = evaluate(model, TOKENS, 7, context=8, batch=3)
    assert [len(rows) for rows in model.seen] == [3, 3, 1]
    rows = torch.cat(model.seen)
    starts = [int(start) for start in torch.linspace(0, 491, 7, dtype=torch.float64)]
    assert (starts[0], starts[-1]) == (0, 500 - 8 - 1)
    expected = torch.stack([TOKENS[start : start + 8] for start in starts]).long()
    assert torch.equal(rows, expected)
    for loss, start in zip(losses, starts, strict=True):
        alone = next_token_loss(model, TOKENS[None, start : start + 9].long()).mean().item()
        assert_close(loss, alone, rtol=1e-5, atol=0)


def test_evaluation_hardly_depends_on_the_batch():
    model = tiny_gpt()
    assert_close(evaluate(model, TOKENS, 10, 8, batch=1), evaluate(model, TOKENS, 10, 8, batch=10), rtol=1e-5, atol=0)
