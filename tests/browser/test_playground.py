"""The playground of docs/playground.md: its script against lora_ref, to the last digit; its controls, address, states.

A set-up is a dict of the controls' values, as the address and the script name them.
"""

import itertools
import json
import random
import re
from functools import cache

import pytest

from browser.serving import DOCS
from browser.test_navigation import go
from browser.test_pages import CONTRAST, OVERFLOW, findings
from lora_ref import checkpoint, count, memory
from lora_ref.site.program import programs
from lora_ref.site.project import find_project

PAGE = "playground/"
PROGRAM = programs(find_project(DOCS))["playground/coefficients"].constants
TABLES = json.loads((DOCS / "records/playground/tables.json").read_text(encoding="utf-8"))
MODELS = [name for name in count.names() if count.model(name)["model_type"] in ("llama", "mistral", "qwen2")]
CONTROLS = {
    "model": MODELS,
    "method": list(PROGRAM["CHOICES"]["method"]),
    "rank": [str(rank) for rank in PROGRAM["RANKS"]],
    "alpha": [str(alpha) for alpha in PROGRAM["ALPHAS"]] + ["once", "twice"],
    "targets": list(PROGRAM["CHOICES"]["targets"]),
    "precision": list(PROGRAM["CHOICES"]["precision"]),
    "adapter": list(PROGRAM["CHOICES"]["adapter"]),
    "optimizer": list(PROGRAM["CHOICES"]["optimizer"]),
    "batch": [str(batch) for batch in PROGRAM["BATCHES"]],
    "sequence": [str(sequence) for sequence in PROGRAM["SEQUENCES"]],
    "checkpointing": ["off", "on"],
}
FIRST = {
    "model": "Llama-2-7B", "method": "lora", "rank": "16", "alpha": "16", "targets": "all-linear", "precision": "bf16",
    "adapter": "fp32", "optimizer": "adamw", "batch": "1", "sequence": "1024", "checkpointing": "off",
}  # fmt: skip
TARGETS = {
    "all-linear": "all-linear",
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
    "qv": ("q_proj", "v_proj"),
}
RESULTS = "([tables, sets]) => sets.map(set => customElements.get('lora-playground').results(tables, set))"


# --- what lora_ref says ---


@cache
def trained(model, method, targets, size):
    match method:
        case "full":
            return count.total_parameters(model)
        case "lora" | "qlora":
            return count.lora_parameters(model, size, TARGETS[targets])
        case "dora":
            return count.dora_parameters(model, size, TARGETS[targets])
        case "adapter":
            return count.adapter_parameters(model, size, "houlsby")
        case "prefix":
            return count.prefix_parameters(model, size)
        case "prompt":
            return count.prompt_parameters(model, size)
        case "IA3":
            return count.ia3_parameters(model)
        case "bitfit":
            return count.bias_parameters(model) or None
    raise ValueError(method)


def expected(chosen):
    """Every result of a set-up, straight from the closed forms."""
    model, method, targets = chosen["model"], chosen["method"], chosen["targets"]
    size, again = int(chosen["rank"]), chosen["checkpointing"] == "on"
    numbers, base = trained(model, method, targets, size), count.total_parameters(model)
    computed = "fp32" if chosen["precision"] == "fp32" and method != "qlora" else "bf16"
    dtype = "nf4" if method == "qlora" else computed
    beside = "fp32" if chosen["adapter"] == "fp32" else computed
    optimizer: str | None = chosen["optimizer"].replace("eight_bit", "adamw_8bit")
    if method == "full" and chosen["precision"] == "mixed":
        optimizer = "adamw_copy" if optimizer == "adamw" else None
    if method not in ("full", "lora", "qlora") and optimizer == "adamw_8bit":
        optimizer = None
    found = {"trained": numbers, "share": None, "shareOfBase": None, "file": None, "flops": None}
    if numbers is not None:
        found["share"] = numbers / (base if method in ("full", "bitfit") else base + numbers)
        found["shareOfBase"] = numbers / base
    if method in ("lora", "qlora") and numbers is not None:
        found["file"] = checkpoint.lora_file_size(model, size, TARGETS[targets], beside)
        found["flops"] = count.flops_ratio(numbers, count.matrix_parameters(model), again)
    if method == "prefix":
        found["file"] = checkpoint.prefix_file_size(model, size, beside)
    if method == "full":
        found["flops"] = 1
    kept, peak = ledger(model, method, targets, size, dtype, beside, optimizer, numbers, base), {}
    if kept and method in ("full", "lora", "qlora"):
        peak = at_peak(
            model, method, targets, size, dtype, beside, optimizer, again, int(chosen["batch"]), int(chosen["sequence"])
        )
    return found | {"kept": kept, "peak": peak}


@cache
def ledger(model, method, targets, size, dtype, beside, optimizer, numbers, base):
    if optimizer is None or numbers is None:
        return {}
    if method == "full":
        return memory.full_ledger(model, dtype, optimizer)
    if method in ("lora", "qlora"):
        return memory.lora_ledger(model, size, TARGETS[targets], dtype, beside, optimizer)
    if method == "bitfit":
        return memory.ledger(numbers, base - numbers, dtype, dtype, optimizer)
    return memory.ledger(numbers, base, beside, dtype, optimizer)


@cache
def at_peak(model, method, targets, size, dtype, beside, optimizer, again, batch, sequence):
    if method == "full":
        return memory.full_at_peak(model, batch, sequence, dtype, optimizer, again)
    return memory.lora_at_peak(model, batch, sequence, size, TARGETS[targets], dtype, beside, optimizer, again)


def differences(chosen, got, known=None):
    """Where the script says another number, to the last digit."""
    known = known or expected(chosen)
    kept, peak = known["kept"], known["peak"]
    pairs = [(name, known[name], got[name]) for name in ("trained", "share", "shareOfBase", "file", "flops")]
    pairs += [("keptTotal", kept.get("total"), got["keptTotal"])]
    pairs += [("peakTotal", sum(peak.values()) if peak else None, got["peakTotal"])]
    for purpose, theirs in {
        "frozen": "frozen",
        "trained": "weights",
        "copy": "copy",
        "gradients": "gradients",
        "optimizer": "optimizer",
    }.items():
        if kept:
            pairs += [(f"kept {purpose}", kept[purpose], got["kept"][theirs])]
    for purpose in peak:
        pairs += [(f"peak {purpose}", peak[purpose], got["peak"][purpose.replace("trained", "weights")])]
    if not peak:
        pairs += [("peak", {}, got["peak"])]
    return [
        f"{name}: lora_ref {ours!r}, script {theirs!r} for {chosen}" for name, ours, theirs in pairs if ours != theirs
    ]


# --- set-ups ---


def all_pairs(controls, seed=0):
    """Set-ups in which any two values of any two controls meet; greedy."""
    draw = random.Random(seed)
    names = list(controls)
    left = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x, y in itertools.product(controls[a], controls[b])
    }
    found = []
    while left:
        pair = min(left)
        best = max(
            ({name: draw.choice(controls[name]) for name in names} | dict(pair) for _ in range(12)),
            key=lambda one: sum(new in left for new in itertools.combinations(one.items(), 2)),
        )
        found.append(best)
        left -= set(itertools.combinations(best.items(), 2))
    return found


def at_random(number, seed):
    draw = random.Random(seed)
    return [{name: draw.choice(values) for name, values in CONTROLS.items()} for _ in range(number)]


def every_row(seed=0):
    """Each branch of each table once, at some size and some tokens: what a method leaves unread is not varied."""
    draw = random.Random(seed)
    read = {
        "lora": ("targets", "precision", "adapter", "optimizer", "checkpointing"),
        "qlora": ("targets", "adapter", "optimizer", "checkpointing"),
        "dora": ("targets", "precision", "adapter", "optimizer"),
        "full": ("precision", "optimizer", "checkpointing"),
    }
    for model, method in itertools.product(MODELS, CONTROLS["method"]):
        axes = read.get(method, ("precision", "adapter", "optimizer"))
        for values in itertools.product(*(CONTROLS[axis] for axis in axes)):
            rest = {name: draw.choice(choices) for name, choices in CONTROLS.items()}
            yield rest | {"model": model, "method": method} | dict(zip(axes, values, strict=True))


@pytest.fixture
def results(opened):
    tab = opened(PAGE)
    tab.wait_for_function("!!customElements.get('lora-playground')")
    return lambda sets, tables=TABLES: tab.evaluate(RESULTS, [tables, sets])


def compare(results, sets):
    wrong = [line for one, got in zip(sets, results(sets), strict=True) for line in differences(one, got)]
    assert not wrong, "\n".join(wrong[:10])


def test_all_pairs_of_values(results):
    sets = all_pairs(CONTROLS)
    met = {pair for one in sets for pair in itertools.combinations(one.items(), 2)}
    wanted = [len(a) * len(b) for a, b in itertools.combinations(CONTROLS.values(), 2)]
    assert len(met) == sum(wanted)
    compare(results, sets)


def test_random_set_ups(results):
    compare(results, at_random(5000, seed=4))


def test_tables_in_full(results):
    compare(results, list(every_row()))


def the_form(tables, chosen, name):
    """The form of a result for a set-up, to be written to."""
    axes = tables["axes"][name]
    tree = tables[chosen["model"]][name]
    for axis in axes:
        tree = tree[chosen[axis]] if chosen[axis] in tree else tree["*"]
    return tree


def one_more(form, chosen):
    """The first coefficient that counts in this set-up, changed by one."""
    if isinstance(form, dict):
        key, at = ("by", PROGRAM["RANKS"].index(int(chosen["rank"]))) if "by" in form else ("over", None)
        if at is None:
            form[key] += 1
        else:
            form[key][at] += 1
        return
    at = next(at for at, number in enumerate(form) if number)
    form[at] += 1


@pytest.mark.parametrize(
    "name", ["trained", "everything", "base", "file", "flops", "frozen", "weights", "gradients", "optimizer", "moments"]
)
def test_one_changed_coefficient_is_noticed(results, name):
    tables = json.loads(json.dumps(TABLES))
    assert not differences(FIRST, results([FIRST], tables)[0])
    form = the_form(tables, FIRST, name)
    one_more(form[0][1] if name == "moments" else form, FIRST)  # the loss is the fullest moment here
    assert differences(FIRST, results([FIRST], tables)[0])


# --- through the controls ---


def settled(tab):
    """The table is there and what it says is shown."""
    tab.wait_for_function("() => document.querySelector('lora-playground').tables")
    tab.evaluate("() => new Promise(done => setTimeout(done))")


def awake(opened, hash_="", **options):
    tab = opened(PAGE + hash_, **options)
    tab.locator("lora-playground form").hover()
    settled(tab)
    return tab


def choose(tab, **values):
    for name, value in values.items():
        field = tab.locator(f"lora-playground [name={name}]")
        if field.is_disabled():
            continue
        if name != "rank":
            field.select_option(value)
            continue
        field.press("Home")
        for _ in range(CONTROLS["rank"].index(value)):
            field.press("ArrowRight")
    settled(tab)


def text(tab, name):
    found = tab.locator(f"lora-playground [data-out='{name}']").first.text_content()
    return re.sub(r"\s+", " ", found).strip()


def sized(number):
    """Bytes with three digits and a unit."""
    units = iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while float(f"{number:.3g}") >= 1000:
        number, unit = number / 1000, next(units)
    exponent = len(str(int(float(f"{number:.3g}"))))
    return f"{number:.{max(0, 3 - exponent)}f} {unit}" if number else "none"


def shown(chosen):
    known = expected(chosen)
    kept, peak = known["kept"], known["peak"]

    def say(number, write, other="not derived"):
        return other if number is None else write(number)

    found = {
        "trained": say(known["trained"], "{:,d}".format, "not applicable"),
        "share": say(known["share"], "{:.4%}".format),
        "file": say(known["file"], lambda number: f"{sized(number)}, {number:,d} bytes"),
        "kept-total": say(kept.get("total"), sized),
        "peak-total": say(sum(peak.values()) if peak else None, sized),
    }
    for purpose in ("frozen", "trained", "copy", "gradients", "optimizer"):
        theirs = purpose.replace("trained", "weights")
        if kept:
            found[f"kept-{theirs}"] = say(kept[purpose], sized)
        found[f"peak-{theirs}"] = say(peak.get(purpose), sized, "–")
    for purpose in ("activations", "temporaries"):
        found[f"peak-{purpose}"] = say(peak.get(purpose), sized, "–")
    return found


SEVERAL = [
    {"method": "full", "precision": "mixed", "optimizer": "adamw"},
    {"method": "full", "model": "Qwen2.5-0.5B", "optimizer": "adamw_foreach", "checkpointing": "on"},
    {"method": "qlora", "model": "Llama-2-70B", "rank": "64", "batch": "8", "checkpointing": "on"},
    {"model": "Qwen2.5-1.5B", "targets": "qv", "rank": "1", "adapter": "base", "sequence": "8192"},
    {"model": "Mistral-7B-v0.1", "rank": "256", "optimizer": "eight_bit", "precision": "fp32", "targets": "mlp"},
    {"method": "prefix", "rank": "32"},
    {"method": "bitfit"},
    {"method": "bitfit", "model": "Qwen2.5-7B", "optimizer": "sgd"},
    {"method": "IA3", "model": "Llama-3.2-1B", "optimizer": "eight_bit"},
]


def test_controls_say_what_the_functions_give(opened):
    tab = awake(opened)
    for change in SEVERAL:
        tab.locator("lora-playground").get_by_role("button", name="Reset").click()
        tab.wait_for_function("() => document.querySelector('lora-playground [name=method]').value === 'lora'")
        choose(tab, **change)
        wanted = shown(FIRST | change)
        assert {name: text(tab, name) for name in wanted} == wanted, change
        assert "0.0" not in tab.locator("lora-playground .ledger-table").inner_text()


def test_the_page_says_what_the_script_says(opened):
    """Without JavaScript the first set-up stands there in the same words; the script gives it back its cards."""
    still, alive = opened(PAGE, java_script_enabled=False), awake(opened)
    choose(alive, model="Qwen2.5-3B", rank="4")
    choose(alive, model="Llama-2-7B", rank="16")
    outs = "els => els.map(el => [el.dataset.out ?? 'card', el.textContent.replace(/\\s+/g, ' ').trim()])"
    said = [tab.locator("lora-playground :is([data-out], [data-card])").evaluate_all(outs) for tab in (still, alive)]
    assert said[0] == said[1] and len(said[0]) > 30
    assert alive.locator("lora-playground [data-out=trained] a.num").count() == 2
    widths = "els => els.map(el => [el.className, Math.round(el.getBoundingClientRect().width)])"
    drawn = [tab.locator("lora-playground :is(.stack, .cards) i").evaluate_all(widths) for tab in (still, alive)]
    assert drawn[0] == drawn[1] and max(width for _, width in drawn[0]) > 100
    assert still.locator("lora-playground :is(input, button, select):visible").count() == 0
    assert still.locator("lora-playground .setup").is_visible()


def test_cards(opened):
    """A card holds what it reports, in MiB; the sentence names the first that holds the peak."""
    tab = awake(opened)
    cards = dict(
        tab.locator(".cards [data-mib]").evaluate_all(
            "els => els.map(el => [el.cells[0].textContent, +el.dataset.mib])"
        )
    )
    assert list(cards.values()) == sorted(cards.values())
    for change in ({}, {"method": "full", "precision": "fp32"}, {"model": "Qwen2.5-0.5B"}, {"method": "dora"}):
        choose(tab, **(FIRST | change))
        peak = expected(FIRST | change)["peak"]
        verdicts = tab.locator(".cards [data-card]").all_inner_texts()
        holds = [sum(peak.values()) <= mib * 2**20 for mib in cards.values()]
        words = ["fits" if held else "does not fit" for held in holds] if peak else ["not derived"] * len(cards)
        assert verdicts == words
        say = tab.locator("lora-playground .say").inner_text()
        first = next((name for name, held in zip(cards, holds, strict=True) if held), None) if peak else None
        assert (f"{first} is the first card" in say) if first else ("no" in say)


def test_loss_is_measured_or_not_shown(opened, site):
    record = json.loads((DOCS / "records/rank/loss_by_rank.json").read_text(encoding="utf-8"))["values"]
    tab = awake(opened)
    for rank, loss in zip(record["ranks"], record["losses_nats"], strict=True):
        choose(tab, rank=str(rank))
        assert text(tab, "loss") == f"{loss:.3f} nats"
    for other in ({"rank": "128"}, {"rank": "8", "targets": "qv"}, {"method": "qlora", "targets": "all-linear"}):
        choose(tab, **other)
        assert text(tab, "loss") == "not measured"
    choose(tab, method="full")
    assert text(tab, "loss") == f"{record['loss_full_all_nats']:.3f} nats"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"rank": "4", "alpha": "twice", "targets": "qv"},
        {"targets": "mlp", "alpha": "once", "adapter": "base", "model": "Qwen2.5-7B"},
        {"method": "dora", "targets": "attention", "model": "Llama-3-8B"},
        {"method": "prefix", "rank": "32", "model": "Llama-3.2-3B"},
        {"method": "prompt", "rank": "8", "model": "Qwen2.5-0.5B"},
        {"method": "IA3", "model": "Mistral-7B-v0.1"},
        {"method": "IA3", "model": "Qwen2.5-1.5B"},
        {"method": "bitfit", "model": "Qwen2.5-3B"},
        {"method": "full", "model": "TinyLlama-1.1B"},
    ],
    ids=lambda change: " ".join(change.values()) or "first",
)
def test_lines_to_copy_train_what_is_shown(opened, change):
    """PEFT runs them on the real shapes, without memory for the numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tab = awake(opened)
    choose(tab, **change)
    lines = tab.locator("[data-out=config]").inner_text()
    fields = {
        key: value
        for key, value in count.model((FIRST | change)["model"]).items()
        if key not in ("name", "attention_bias_qkv")
    }
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields), dtype=torch.bfloat16)
        names = {"model": model}
        exec(lines, names)
    model = names["model"]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert f"{sum(one.numel() for one in parameters):,d}" == text(tab, "trained")
    if change.get("method", "lora") in ("lora", "dora"):
        config = names["config"]
        rank = int((FIRST | change)["rank"])
        alpha = {"once": rank, "twice": 2 * rank}.get((FIRST | change)["alpha"], 16)
        assert (config.r, config.lora_alpha) == (rank, alpha)
        every = sum(parameter.numel() for parameter in model.parameters())
        assert f"{100 * sum(parameter.numel() for parameter in parameters) / every:.4f}%" == text(tab, "share")


@pytest.mark.parametrize(("adapter", "dtype"), [("fp32", "float32"), ("base", "bfloat16")])
def test_lines_to_copy_make_the_dtype_that_is_shown(opened, adapter, dtype):
    """On a small stand-in in bf16, since PEFT moves nothing to the base's dtype where there are no numbers."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    tab = awake(opened)
    choose(tab, adapter=adapter)
    small = LlamaConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=50)
    names = {"model": AutoModelForCausalLM.from_config(small, dtype=torch.bfloat16)}
    exec(tab.locator("[data-out=config]").inner_text(), names)
    assert {one.dtype for one in names["model"].parameters() if one.requires_grad} == {getattr(torch, dtype)}


def test_copy(opened):
    tab = awake(opened, permissions=["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="Copy").click()
    assert tab.evaluate("navigator.clipboard.readText()") == tab.locator("[data-out=config]").text_content()
    assert tab.locator("lora-playground [role=status]").inner_text() == "Copied."


def test_only_what_matters_can_be_chosen(opened):
    tab = awake(opened)
    off = "els => els.filter(el => el.disabled).map(el => el.name)"
    for method, names in {
        "lora": [],
        "qlora": ["precision"],
        "full": ["rank", "alpha", "targets", "adapter"],
        "IA3": ["rank", "alpha", "targets"],
        "prompt": ["alpha", "targets"],
    }.items():
        choose(tab, method=method)
        assert tab.locator("lora-playground [name]").evaluate_all(off) == names, method
    choose(tab, method="full", precision="mixed")
    choose(tab, method="lora")  # there is no fp32 copy of a frozen weight
    assert tab.locator("[name=precision]").input_value() == "bf16"
    choose(tab, method="prefix")
    assert "Tokens" in tab.locator("lora-playground .sliding").inner_text()
    assert tab.locator("#play-size").get_attribute("aria-valuetext") == "Tokens 16"


def test_keyboard_alone(opened):
    """From the first control to Reset: arrows choose, the summary waits for the change, a button that ends hands on."""
    tab = opened(PAGE)
    tab.locator("lora-playground [name=model]").focus()
    settled(tab)
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")  # Less
    for _ in CONTROLS["rank"]:
        if tab.evaluate("document.activeElement.dataset.step"):
            tab.keyboard.press("Enter")
    slider = tab.locator("#play-size")
    assert slider.evaluate("el => el === document.activeElement") and text(tab, "size") == "1"
    tab.keyboard.press("End")
    assert (text(tab, "size"), slider.get_attribute("aria-valuetext")) == ("256", "Rank 256")
    assert text(tab, "trained") == shown(FIRST | {"model": "Llama-2-13B", "rank": "256"})["trained"]
    status = tab.locator("lora-playground [role=status]")
    assert status.inner_text() == re.sub(r"\s*where from\?\s*", "", tab.locator("lora-playground .say").inner_text())
    slider.evaluate("el => { el.value = 0; el.dispatchEvent(new Event('input', {bubbles: true})); }")
    settled(tab)
    assert text(tab, "size") == "1" and "256" in status.inner_text()
    tab.get_by_role("button", name="Reset").press("Enter")
    tab.wait_for_function("() => document.querySelector('#play-size').ariaValueText === 'Rank 16'")
    assert text(tab, "trained") == shown(FIRST)["trained"]
    assert tab.locator("lora-playground [role=status]").count() == 1
    assert tab.locator("lora-playground output").evaluate_all(
        "els => els.every(el => el.getAttribute('aria-live') === 'off')"
    )


# --- the address ---


def test_the_address_there_and_back(opened):
    tab = awake(opened)
    choose(tab, model="Qwen2.5-7B", method="qlora", rank="64", batch="4", checkpointing="on")
    address = tab.url
    wanted = {name: text(tab, name) for name in shown(FIRST)}
    assert "model=Qwen2.5-7B" in address and "rank=64" in address
    other = opened(f"{PAGE}#{address.split('#')[1]}")
    settled(other)
    other.wait_for_function("() => document.querySelector('[data-out=trained]').textContent !== '39,976,960'")
    assert {name: text(other, name) for name in wanted} == wanted
    assert other.url.split("#")[1] == address.split("#")[1]
    other.get_by_role("button", name="Reset").click()
    other.wait_for_function("() => !location.hash")
    other.evaluate("hash => { location.hash = hash; }", address.split("#")[1])
    other.wait_for_function("() => document.querySelector('[name=model]').value === 'Qwen2.5-7B'")


@pytest.mark.parametrize(
    "bad",
    [
        "model=Llama-9&rank=8",
        "rank=17&model=Qwen2.5-3B",
        "colour=red",
        "rank=&model=",
        "length=1&elements=2",
        "rank=8&%E0%A4%A",
        "=",
        "model=%00",
    ],
)
def test_an_address_that_is_not_understood(opened, bad):
    """What it names rightly is taken, the rest is as it began, and a quiet note says so."""
    tab = opened(f"{PAGE}#{bad}")
    settled(tab)
    tab.locator("lora-playground [role=status]:not(:empty)").wait_for()
    assert "does not know" in tab.locator("lora-playground [role=status]").inner_text()
    named = {"model": "Qwen2.5-3B"} if "Qwen2.5-3B" in bad else {"rank": "8"} if "rank=8" in bad else {}
    assert text(tab, "trained") == shown(FIRST | named)["trained"]


def test_other_anchors_are_left_alone(opened):
    tab = opened(f"{PAGE}#check")
    assert tab.locator("lora-playground [role=status]").inner_text() == ""
    assert not [url for url in tab.watch.requests if "tables.json" in url]


def test_instant_navigation_and_back(opened):
    """Three times: one table is fetched, and the set-up is where it was."""
    tab = awake(opened)
    choose(tab, rank="64", model="Llama-3-8B")
    wanted = text(tab, "trained")
    for _ in range(3):
        go(tab, "memory/")
        assert tab.locator("lora-playground").count() == 0
        tab.go_back()
        tab.wait_for_function(
            "wanted => document.querySelector('[data-out=trained]')?.textContent === wanted", arg=wanted
        )
        assert tab.locator("lora-playground [name=model]").input_value() == "Llama-3-8B"
    assert len([url for url in tab.watch.requests if "tables.json" in url]) == 1
    choose(tab, rank="1")
    assert text(tab, "trained") == shown(FIRST | {"rank": "1", "model": "Llama-3-8B"})["trained"]


def test_no_table_no_harm(opened):
    """Where the table cannot be had, the first set-up stays, and the page says so."""
    tab = opened(PAGE)
    tab.route("**/tables.json", lambda route: route.abort())
    before = text(tab, "trained")
    tab.locator("#play-size").press("End")
    tab.locator("lora-playground [role=status]:not(:empty)").wait_for()
    assert "could not be loaded" in tab.locator("lora-playground [role=status]").inner_text()
    assert text(tab, "trained") == before
    tab.unroute("**/tables.json")
    tab.watch.problems.clear()
    tab.locator("#play-size").press("Home")  # it asks again
    tab.wait_for_function("before => document.querySelector('[data-out=trained]').textContent !== before", arg=before)


# --- how it looks ---


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360, 320])
def test_states(opened, picture, scheme, width):
    tab = awake(opened, width=width, scheme=scheme)
    problems = []
    for name, change in {
        "first": {},
        "full": {"method": "full", "precision": "mixed"},
        "large": {"method": "qlora", "model": "Llama-2-70B", "batch": "64", "sequence": "8192"},
        "dora": {"method": "dora"},
    }.items():
        choose(tab, **change)
        problems += findings(tab, name) + tab.evaluate(OVERFLOW) + tab.evaluate(CONTRAST)["found"]
        picture(tab, f"playground-{name}-{width}-{scheme}")
    small = tab.locator("lora-playground :is(button, select, input)").evaluate_all(
        "els => els.filter(el => Math.min(el.offsetWidth, el.offsetHeight) < 24).map(el => el.outerHTML)"
    )
    assert not problems and not small, problems + small


def test_forced_colors_and_paper(opened, picture):
    tab = awake(opened, forced_colors="active")
    bars = "els => new Set(els.filter(el => el.offsetWidth > 3).map(el => getComputedStyle(el).backgroundColor)).size"
    assert tab.locator(".stack i").evaluate_all(bars) >= 3
    picture(tab, "playground-forced-colors")
    tab.emulate_media(media="print", forced_colors="none")
    assert not tab.locator("lora-playground form").is_visible()
    assert "Llama-2-7B" in tab.locator("lora-playground .setup").inner_text()
    picture(tab, "playground-print")


@pytest.mark.alone
def test_answers_soon(opened):
    """From the slider's input to the paint after it, with the processor at a quarter of its speed."""
    tab = awake(opened)
    tab.context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    took = tab.evaluate("""async () => {
      const slider = document.querySelector('#play-size'), took = [];
      for (let round = 0; round < 3; round += 1) for (let at = 0; at <= +slider.max; at += 1) {
        await new Promise(requestAnimationFrame);
        const start = performance.now();
        slider.value = at;
        slider.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise(done => requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); }));
        took.push(performance.now() - start);
      }
      return took.sort((a, b) => a - b);
    }""")
    assert took[len(took) // 2] <= 50, took
