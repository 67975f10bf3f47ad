"""The base model: a small GPT that has read documentation and no code.

Measures its loss in nats a token on test docstrings (what it learned) and on test source code
(the shifted domain that fine-tuning starts from), and the validation loss along the way.
"""

DEVICE = "cpu"
LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT = 4, 128, 4, 1024, 128
STEPS, BATCH, LEARNING_RATE, WARMUP, WEIGHT_DECAY = 5000, 16, 4e-3, 100, 0.1
CURVE_POINTS = 10  # validation losses along the way
WINDOWS = 400  # test windows of CONTEXT tokens
SEEDS = (0,)
READS = ("corpus.txt",)
ARTIFACTS = ("base.safetensors", "tokenizer.json")

MEANING = {
    "parameters": "numbers in the base model",
    "tokens_train": "tokens of documentation in the training text",
    "tokens_seen": "tokens that the base model was trained on, repeats included",
    "loss_docs_nats": "loss of the base model on test documentation, nats a token",
    "loss_code_nats": "loss of the base model on test code, nats a token, before any tuning",
    "curve_steps": "training steps of the base model",
    "curve_loss_validation_nats": "validation loss along the way, nats a token",
}
CHECK_SECONDS = 15  # what recheck() takes


def run(seed, report):
    import torch

    from lora_ref.data import encode, load_text, train_tokenizer
    from lora_ref.model import GPT, GPTConfig, save_model
    from lora_ref.train import TrainConfig, evaluate, train_model

    text = load_text(report.read("corpus.txt"))
    tokenizer_file = report.artifact("tokenizer.json")
    train_tokenizer(text["docs/train"], VOCABULARY).save(str(tokenizer_file))
    tokens = {name: encode(part, tokenizer_file) for name, part in text.items()}

    torch.manual_seed(seed)
    model = GPT(GPTConfig(LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT))
    curve_steps, curve = [], []

    def watch(step, steps):
        report(step, steps)
        if step % (STEPS // CURVE_POINTS) == 0:
            curve_steps.append(step)
            curve.append(mean(evaluate(model, tokens["docs/validation"], WINDOWS)))

    config = TrainConfig(STEPS, LEARNING_RATE, BATCH, CONTEXT, WARMUP, WEIGHT_DECAY)
    train_model(model, tokens["docs/train"], config, seed, watch)
    save_model(model, report.artifact("base.safetensors"))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens_train": len(tokens["docs/train"]),
        "tokens_seen": STEPS * BATCH * CONTEXT,
        "loss_docs_nats": mean(evaluate(model, tokens["docs/test"], WINDOWS)),
        "loss_code_nats": mean(evaluate(model, tokens["code/test"], WINDOWS)),
        "curve_steps": curve_steps,
        "curve_loss_validation_nats": curve,
    }


def mean(numbers):
    return sum(numbers) / len(numbers)


def recheck(seed, values, report):
    """The losses of the committed weights: re-evaluated, not re-trained."""
    from lora_ref.data import encode, load_text
    from lora_ref.model import load_model
    from lora_ref.train import evaluate

    text = load_text(report.read("corpus.txt"))
    model = load_model(report.made("base.safetensors"))
    test = {name: encode(text[f"{name}/test"], report.made("tokenizer.json")) for name in ("docs", "code")}
    return {f"loss_{name}_nats": mean(evaluate(model, tokens, WINDOWS)) for name, tokens in test.items()}


def figures(values):
    from lora_ref.site import chart

    steps, losses = values["curve_steps"], values["curve_loss_validation_nats"]
    fig = chart.new(
        f"Validation loss of the base model falls from {losses[0]:.2f} nats a token after {steps[0]:,} steps "
        f"to {losses[-1]:.2f} after {steps[-1]:,}.",
        height=(260, 280),
    )
    chart.line(fig, steps, losses, tone="frozen", format=".2f", show=(steps[0], steps[-1]))
    chart.x_axis(fig, "training steps", format=",.0f", low=0)
    chart.y_axis(fig, "loss, nats a token", format=".1f")
    return {"curve": fig}
