"""What is stored for each task after training Llama-2-7B: a whole model in GB, an adapter in MB, to the byte.

Closed forms, nothing random; GB and MB are 10**9 and 10**6 bytes. An adapter is PEFT's adapter_model.safetensors.
"""

DEVICE = "cpu"
MODEL = "Llama-2-7B"
SMALL, RANK, LARGE = 8, 16, 64
SEEDS = (0,)
READS = ("lora_ref/models.json",)

MEANING = {
    "model_*_gb": "weights of the whole model, *",
    "resume_fp32_gb": "weights and Adam's two states in fp32, from which full fine-tuning can go on",
    "small_mb": "adapter of rank 8 on queries and values, bf16",
    "all_linear_mb": "adapter of rank 16 on all linear layers, bf16",
    "large_mb": "adapter of rank 64 on all linear layers, fp32",
}


def run(seed, report):
    from lora_ref import checkpoint, memory

    full = memory.full_ledger(MODEL)
    report(1, 1)
    return {
        "model_bf16_gb": memory.model_size(MODEL, "bf16") / 1e9,
        "model_fp32_gb": memory.model_size(MODEL, "fp32") / 1e9,
        "resume_fp32_gb": (full["trained"] + full["optimizer"]) / 1e9,
        "small_mb": checkpoint.lora_file_size(MODEL, SMALL, ("q_proj", "v_proj"), "bf16") / 1e6,
        "all_linear_mb": checkpoint.lora_file_size(MODEL, RANK, dtype="bf16") / 1e6,
        "large_mb": checkpoint.lora_file_size(MODEL, LARGE, dtype="fp32") / 1e6,
    }
