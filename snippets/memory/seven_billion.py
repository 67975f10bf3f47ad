"""Llama-2-7B in training on one GPU: peak memory and speed of full fine-tuning and of LoRA.

Full fine-tuning is in fp32; LoRA is on all linear layers, fp32 adapters on a bf16 base, no dropout.
Memory is in GB (10**9 bytes) as PyTorch's allocator counts it, from the second step on; beside it
stand the ledger and the predicted peak. Speed is in tokens a second; most of its difference is the
number format. The weights are random: neither memory nor speed depends on their values.
"""

DEVICE = "cuda"
MODEL, BATCH, SEQUENCE = "Llama-2-7B", 1, 1024
RANK, ALPHA, LEARNING_RATE = 16, 16, 1e-5
STEPS, UNTIMED = 12, 3  # the first steps make Adam's states and choose kernels
SEEDS = (0,)
READS = ("lora_ref/models.json",)
MEANING = {
    "card_gb": "memory of the card, as it reports it",
    "*_fits": "1 if training (*) ran, 0 if it ran out of the card's memory",
    "*_ledger_gb": "weights, gradients and optimizer states (*)",
    "*_saved_gb": "activations that the forward pass saves (*), predicted",
    "*_predicted_gb": "peak (*), predicted",
    "*_peak_gb": "peak (*), measured from the second step on",
    "*_tokens_per_second": "training speed (*)",
    "*_gb": "memory in use at the predicted peak (*)",
}
TOLERANCE = {"card_gb": 100, "*_fits": 1, "*_peak_gb": 0.5}  # cards and libraries' workspaces differ


def run(seed, report):
    import torch

    from lora_ref.count import model

    torch.manual_seed(seed)
    return compare(model(MODEL), torch.cuda, report)


def compare(fields, gpu, report):
    """Both methods on a model of these fields; gpu is torch.cuda, where the readings come from."""
    from lora_ref import memory

    values = {"card_gb": gpu.get_device_properties(0).total_memory / 1e9}
    lora, full = (fields, BATCH, SEQUENCE, RANK), (fields, BATCH, SEQUENCE)
    values |= sizes(
        "lora", memory.lora_ledger(fields, RANK), memory.lora_activations(*lora), memory.lora_at_peak(*lora)
    )
    values |= sizes("full", memory.full_ledger(fields), memory.full_activations(*full), memory.full_at_peak(*full))
    values |= attempt("lora", fields, gpu, lambda step: report(step, 2 * STEPS))
    return values | attempt("full", fields, gpu, lambda step: report(STEPS + step, 2 * STEPS))


def sizes(name, ledger, saved, at_peak):
    # Neither method keeps a copy or makes temporaries: see OPTIMIZERS in lora_ref.memory.
    held = {purpose: size for purpose, size in at_peak.items() if purpose not in ("copy", "temporaries")}
    found = {f"at_peak_{purpose}": size for purpose, size in held.items()}
    found |= {"ledger": ledger["total"], "saved": saved, "predicted": sum(at_peak.values())}
    return {f"{name}_{what}_gb": size / 1e9 for what, size in found.items()}


def attempt(name, fields, gpu, report):
    """Measured peak and speed, or that the card is too small."""
    import gc

    import torch

    gc.collect()
    gpu.empty_cache()  # of the method before
    try:
        peak, speed = train(build(name, fields), gpu, report)
    except torch.OutOfMemoryError:
        return {f"{name}_fits": 0}
    return {f"{name}_fits": 1, f"{name}_peak_gb": peak / 1e9, f"{name}_tokens_per_second": speed}


def build(name, fields):
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear

    shape = {key: value for key, value in fields.items() if key not in ("name", "model_type")}
    config = LlamaConfig(**shape, max_position_embeddings=SEQUENCE, use_cache=False)
    dtype = torch.float32 if name == "full" else torch.bfloat16
    with torch.device(DEVICE):  # a LlamaForCausalLM
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    if name == "lora":
        inject(model, "all-linear", wrap=lambda linear: LoRALinear(linear, rank=RANK, alpha=ALPHA))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    return model.train()


# --8<-- [start:train]
def train(model, gpu, report):
    """Peak bytes from the second step on, and tokens a second after the untimed steps."""
    import time

    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, fused=True)
    tokens = torch.randint(model.config.vocab_size, (BATCH, SEQUENCE), device=DEVICE)
    for step in range(STEPS):
        if step == 1:
            gpu.reset_peak_memory_stats()
        if step == UNTIMED:
            gpu.synchronize()
            start = time.perf_counter()
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        report(step + 1)
    gpu.synchronize()
    speed = (STEPS - UNTIMED) * tokens.numel() / (time.perf_counter() - start)
    return gpu.max_memory_allocated(), speed


# --8<-- [end:train]


def figures(values):
    from lora_ref.site import chart

    parts = {
        "frozen": chart.Part("frozen weights", "frozen"),
        "trained": chart.Part("trained weights", "trained"),
        "gradients": chart.Part("gradients", "trained", hatch=True),
        "optimizer": chart.Part("optimizer states", "opt"),
        "activations": chart.Part("activations", "act"),
    }
    measured = chart.Part("measured", "ink")
    rows, told = {}, []
    for row, name in {"Full": "full", "LoRA": "lora"}.items():
        rows[f"{row}, predicted"] = {part.name: values[f"{name}_at_peak_{key}_gb"] for key, part in parts.items()}
        told += [f"{row} is predicted to need {sum(rows[f'{row}, predicted'].values()):.1f} GB"]
        if values[f"{name}_fits"]:
            rows[f"{row}, measured"] = {measured.name: values[f"{name}_peak_gb"]}
            told += [f"and was measured at {values[f'{name}_peak_gb']:.1f} GB."]
        else:
            told += ["and did not fit."]
    card = values["card_gb"]
    fig = chart.new(f"{MODEL} at the peak of a training step. {' '.join(told)} The card has {card:.1f} GB.")
    chart.ledger(fig, rows, [*parts.values(), measured], unit="GB", marks={"this card": card})
    return {"peak": fig}
