"""What merging does to a small tuned model: the last step of the walkthrough, in fp32 and in bf16.

Tunes the small model on code with LoRA, then merges. Measures on test code the largest difference of a logit between
merged and unmerged, how often the first choice of the next token differs, and bytes of adapter and model.
"""

DEVICE = "cpu"
RANK, ALPHA, RATE = 8, 16, 8e-3  # of AdamW: the rate that rank 8 chose in rank/loss_by_rank, and the same training
STEPS, BATCH, CONTEXT = 150, 8, 128
LOSS_WINDOWS, WINDOWS = 300, 64  # of CONTEXT tokens of test code: for the loss, and to compare logits on
SEEDS = (0, 1, 2)
READS = ("corpus.txt", "docs/records/base/base.safetensors", "docs/records/base/tokenizer.json")

MEANING = {
    "loss_unmerged_*_nats": "loss on test code, unmerged, *, nats a token",
    "loss_merged_*_nats": "loss on test code, merged, *, nats a token",
    "positions": "tokens of test code after which the logits are compared",
    "difference_*": "largest difference of a logit between merged and unmerged, *",
    "largest_logit": "largest logit of the tuned model in fp32, its sign left out",
    "flips_*": "share of positions at which merged and unmerged prefer another token, *",
    "flips_from_fp32_unmerged": "share of positions at which bf16, unmerged, prefers another token than fp32",
    "flips_from_fp32_merged": "share of positions at which bf16, merged, prefers another token than fp32",
    "restored_subtracting_*": "share of weights that are what they were once the merged update is subtracted, *",
    "restored_keeping_*": "share of weights that are what they were once the kept original is put back, *",
    "adapter_mb": "A and B of all layers in fp32, in MB of a million bytes",
    "model_mb": "the merged model in fp32, in MB of a million bytes",
}
TOLERANCE = {"difference_bf16": 0.3, "difference_fp32": 1e-4, "flips*": 0.01, "largest_logit": 1.0, "restored_*": 0.05}


# --8<-- [start:compare]
def compare(model, layers, windows, dtype):
    """Merged against unmerged in one precision: (values, the two sets of logits)."""
    import torch

    model.to(dtype).eval()
    before = [layer.base.weight.clone() for layer in layers]
    with torch.no_grad():
        unmerged = model(windows).float()  # (windows, tokens, vocabulary)
        for layer in layers:
            layer.merge()
        merged = model(windows).float()
    subtracted = [(layer.base.weight.float() - layer.delta_weight()).to(dtype) for layer in layers]
    for layer in layers:
        layer.unmerge()
    values = {
        "difference": (merged - unmerged).abs().max().item(),
        "flips": flips(merged, unmerged),
        "restored_subtracting": same(subtracted, before),
        "restored_keeping": same([layer.base.weight for layer in layers], before),
    }
    return values, unmerged, merged


# --8<-- [end:compare]


def flips(one, other):
    return (one.argmax(-1) != other.argmax(-1)).float().mean().item()


def same(now, then):
    equal = [(a == b).float().mean().item() for a, b in zip(now, then, strict=True)]
    return sum(equal) / len(equal)


def run(seed, report):
    from functools import partial

    import torch

    from lora_ref.data import encode, load_text
    from lora_ref.inject import inject
    from lora_ref.lora import LoRALinear
    from lora_ref.model import load_model
    from lora_ref.train import TrainConfig, evaluate, train_model

    text, tokenizer = load_text(report.read("corpus.txt")), report.read("docs/records/base/tokenizer.json")
    train, test = (encode(text[f"code/{split}"], tokenizer) for split in ("train", "test"))
    model = load_model(report.read("docs/records/base/base.safetensors"))
    torch.manual_seed(seed)
    names = inject(model, "all-linear", partial(LoRALinear, rank=RANK, alpha=ALPHA)).matched
    layers = [model.get_submodule(name) for name in names]
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    train_model(model, train, TrainConfig(STEPS, RATE, BATCH, CONTEXT), seed, lambda done, _: report(done, STEPS + 1))

    def loss():
        losses = evaluate(model, test, LOSS_WINDOWS, CONTEXT)
        return sum(losses) / len(losses)

    adapter = sum(parameter.numel() * parameter.element_size() for parameter in trained)
    every = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    starts = torch.linspace(0, len(test) - CONTEXT, WINDOWS, dtype=torch.float64).long()
    windows = torch.stack([test[start : start + CONTEXT] for start in starts.tolist()]).long()
    values = {"positions": windows.numel(), "adapter_mb": adapter / 1e6, "model_mb": (every - adapter) / 1e6}
    logits = {}
    for name, dtype in {"fp32": torch.float32, "bf16": torch.bfloat16}.items():
        found, *logits[name] = compare(model, layers, windows, dtype)
        values |= {f"{key}_{name}": value for key, value in found.items()}
        values[f"loss_unmerged_{name}_nats"] = loss()
        for layer in layers:
            layer.merge()
        values[f"loss_merged_{name}_nats"] = loss()
        for layer in layers:
            layer.unmerge()
    unmerged, _ = logits["fp32"]
    values["largest_logit"] = unmerged.abs().max().item()
    for name, one in zip(("unmerged", "merged"), logits["bf16"], strict=True):
        values[f"flips_from_fp32_{name}"] = flips(one, unmerged)
    report(STEPS + 1, STEPS + 1)
    return values
