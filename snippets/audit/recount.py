"""The arithmetic behind the verdicts on the first lesson, done again; exact, in the units that the names say.

GB and MB are a billion and a million bytes. ROWS holds the lesson's claims, in its order, each with our verdict.
"""

DEVICE = "cpu"
SEEDS = (0,)
READS = ("lora_ref/models.json",)
ROUND, LLAMA, GPT2 = 7_000_000_000, "Llama-2-7B", "GPT-2 small"
WIDTH, LAYERS = 768, 12  # of the lesson's toy model, which it calls seven billion
RANK, MORE_RANK, MOST_RANK = 8, 16, 64
QUERY_VALUE = ("q_proj", "v_proj")

ROWS = {
    "cost-in-gb": "imprecise",
    "adams-states": "wrong",
    "minimum-per-gpu": "wrong",
    "just-two-passes": "wrong",
    "checkpointing-helps-little": "wrong",
    "two-cards": "wrong",
    "dollars-a-month": "unsupported",
    "weeks": "unsupported",
    "slow-backprop": "wrong",
    "checkpoint-size": "imprecise",
    "forgetting": "imprecise",
    "internet-text": "imprecise",
    "subspace": "imprecise",
    "square": "ok",
    "few-directions": "unsupported",
    "recovers-nearly-all": "unsupported",
    "gradients-low-rank": "imprecise",
    "weight-decomposes": "imprecise",
    "exponential-decay": "wrong",
    "motivated-by-svd": "wrong",
    "shapes": "wrong",
    "b-starts-at-zero": "ok",
    "alpha-is-two-r": "imprecise",
    "gradient-matching": "wrong",
    "size-without-rank": "imprecise",
    "alpha-works-across-ranks": "wrong",
    "approximate-quality": "wrong",
    "toy-reduction": "wrong",
    "per-layer": "imprecise",
    "saved-nothing": "wrong",
    "rank-recovers": "unsupported",
    "speedup": "wrong",
    "seven-billion": "wrong",
    "lora-percent": "imprecise",
    "prefix-percent": "wrong",
    "adapter-percent": "imprecise",
    "percent-fewer": "imprecise",
    "attention-first": "wrong",
    "domains": "imprecise",
    "plateau": "imprecise",
    "merges-free": "ok",
    "prefix-stays": "ok",
    "file-size": "wrong",
    "approximation-error": "imprecise",
    "used-by": "unsupported",
    "not-said": "missing",
}

MEANING = {
    "claims": "claims of the first lesson",
    "claims_*": "claims of the first lesson with the verdict: *",
    "round_total_gb": "weights, gradients and two Adam states of seven billion numbers in fp32",
    "round_one_state_gb": "weights, gradients and one Adam state of seven billion numbers in fp32",
    "round_states_gb": "two Adam states of seven billion numbers in fp32",
    "llama_total_gb": "weights, gradients and two Adam states of Llama-2-7B in fp32",
    "llama_copy_gb": "the same, and one copy for the optimizer's temporaries",
    "llama_mixed_gb": "Llama-2-7B in mixed precision with gradients in fp32 beside those in bf16",
    "llama_bytes_gb": "Llama-2-7B in bf16 with Adam's states in eight bits",
    "checkpoint_*_gb": "a stored Llama-2-7B, *",
    "formula_percent_*": "rank over the square root of the width, in percent, at rank *",
    "toy_*": "the lesson's count over one square a layer, *",
    "gpt2_*": "GPT-2 small, *",
    "width_over_two_ranks": "the width over twice the rank",
    "speedup_bound_*": "arithmetic of full training over that of LoRA at most, *",
    "spared_percent": "arithmetic of a training step that LoRA spares, at most, in percent",
    "llama_lora": "numbers that LoRA trains in Llama-2-7B on queries and values at rank sixteen",
    "most_fewer_percent": "numbers spared in Llama-2-7B at rank sixty-four on every linear layer, in percent",
    "file_*_mb": "an adapter of Llama-2-7B, *",
}


# --8<-- [start:recount]
def run(seed, report):
    from lora_ref.count import flops_ratio, lora, lora_parameters, share_of_base, total_parameters

    llama, gpt2, most = total_parameters(LLAMA), total_parameters(GPT2), lora_parameters(LLAMA, MOST_RANK, "all-linear")
    gpt2_lora = lora_parameters(GPT2, RANK, ("q", "v"))
    toy, toy_lora = LAYERS * WIDTH**2, LAYERS * lora(WIDTH, WIDTH, RANK)
    values = {
        "claims": len(ROWS),
        "round_total_gb": 16 * ROUND / 1e9,  # four bytes each: weight, gradient, two states
        "round_one_state_gb": 12 * ROUND / 1e9,
        "round_states_gb": 8 * ROUND / 1e9,
        "llama_total_gb": 16 * llama / 1e9,
        "llama_copy_gb": 20 * llama / 1e9,
        "llama_mixed_gb": 18 * llama / 1e9,
        "llama_bytes_gb": 6 * llama / 1e9,  # bf16 weight and gradient, two states of a byte
        "checkpoint_fp32_gb": 4 * llama / 1e9,
        "checkpoint_bf16_gb": 2 * llama / 1e9,
        "checkpoint_resumed_gb": 12 * llama / 1e9,  # fp32 weights and two states
        "formula_percent_8": 100 * RANK / WIDTH**0.5,
        "formula_percent_16": 100 * MORE_RANK / WIDTH**0.5,
        "toy_total": toy,
        "toy_lora": toy_lora,
        "toy_saved_mb": 4 * (toy - toy_lora) / 1e6,
        "gpt2_total": gpt2,
        "gpt2_lora": gpt2_lora,
        "gpt2_fewer_percent": 100 * (1 - share_of_base(gpt2_lora, GPT2)),
        "width_over_two_ranks": WIDTH / (2 * MORE_RANK),
        "speedup_bound_plain": 1 / flops_ratio(0, llama),
        "speedup_bound_checkpointing": 1 / flops_ratio(0, llama, checkpointing=True),
        "spared_percent": 100 * (1 - flops_ratio(0, llama)),
        "llama_lora": lora_parameters(LLAMA, MORE_RANK, QUERY_VALUE),
        "most_fewer_percent": 100 * (1 - share_of_base(most, LLAMA)),
        "file_small_mb": 2 * lora_parameters(LLAMA, RANK, QUERY_VALUE) / 1e6,  # bf16
        "file_large_mb": 4 * most / 1e6,  # fp32
    }
    for verdict in ("ok", "imprecise", "wrong", "unsupported", "missing"):
        values[f"claims_{verdict}"] = list(ROWS.values()).count(verdict)
    report(1, 1)
    return values


# --8<-- [end:recount]
