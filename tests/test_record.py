"""Records: written whole or not at all, never by hand; runs that are killed go on; errors are one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from throwaway import ROOT, make_project, measure

from lora_ref.site import __main__ as command
from lora_ref.site import run as running
from lora_ref.site.program import programs
from lora_ref.site.project import Project, UserError
from lora_ref.site.record import (
    KEYS,
    artifact_problems,
    checksum,
    dump,
    file_sha256,
    load_record,
    rounded,
    save_record,
    write_whole,
)

SLOW = '''"""A toy that takes its time, in seconds."""

DEVICE = "cpu"
SEEDS = (0, 1, 2)
MEANING = {"x": "x"}


def run(seed, report):
    import os
    import time

    with open(os.environ["TOY_LOG"], "a") as log:
        log.write(f"{seed}\\n")
    for step in range(10):
        time.sleep(0.1)
        report(step + 1, 10)
    return {"x": 1.0 + seed}
'''

MAKER = '''"""A toy that makes a file."""

DEVICE = "cpu"
SEEDS = (0,)
ARTIFACTS = ("weights.bin",)
MEANING = {"size": "bytes"}


def run(seed, report):
    report.artifact("weights.bin").write_bytes(b"weights")
    return {"size": 7}
'''

READER = '''"""A toy that starts from what another made."""

DEVICE = "cpu"
SEEDS = (0,)
READS = ("docs/records/toy/weights.bin",)
MEANING = {"size": "bytes"}


def run(seed, report):
    return {"size": len(report.read("docs/records/toy/weights.bin").read_bytes())}
'''


@pytest.fixture
def project(tmp_path) -> Project:
    return make_project(tmp_path)


def record_of(project: Project, name: str = "toy/measure") -> dict:
    record = load_record(project.records, name)
    assert record is not None
    return record


def add(project: Project, name: str, source: str) -> None:
    (project.snippets / "toy" / f"{name}.py").write_text(source)


def state(project: Project, name: str) -> running.Status:
    return running.status(project, programs(project)[name])


# ---- the file


def test_a_record_is_read_as_it_was_written(project):
    record = record_of(project)
    assert sorted(record) == sorted(KEYS)
    assert record["checksum"] == checksum(record)
    assert record["by_seed"]["2"]["loss_rank_8"] == 0.315
    text = (project.records / "toy" / "measure.json").read_text()
    assert text == dump(record) + "\n" and json.loads(text) == record
    assert str(project.root) not in text and os.uname().nodename not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.31375", "0.31376"),
        ('"parameters": 128', '"parameters": 129'),
        ("2026-11-24", "2026-11-25"),
        ('"0": {', '"7": {'),
    ],
)
def test_a_hand_edit_is_found(project, old, new):
    path = project.records / "toy" / "measure.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match="the checksum differs: a value was changed by hand"):
        load_record(project.records, "toy/measure")
    assert state(project, "toy/measure").state == "damaged"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"values": {}}', "null"])
def test_a_torn_or_strange_file_is_one_clear_line(project, text):
    (project.records / "toy" / "measure.json").write_text(text)
    with pytest.raises(UserError) as error:
        load_record(project.records, "toy/measure")
    assert "expected" in str(error.value) and "restore" in str(error.value) and "\n" not in str(error.value)


def test_no_record_is_none(project):
    assert load_record(project.records, "toy/nothing") is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1.0, float("nan")], {"a": [-float("inf")]}])
def test_what_is_not_finite_is_refused(project, value):
    before = (project.records / "toy" / "measure.json").read_text()
    with pytest.raises(
        UserError, match="expected a finite number for values.loss, got .*: the run diverged; nothing is written"
    ):
        save_record(
            project.records,
            {**record_of(project), "values": {"loss": value} if not isinstance(value, dict) else {"loss": value["a"]}},
        )
    assert (project.records / "toy" / "measure.json").read_text() == before


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(UserError, match="expected plain numbers, texts and lists for x"):
        rounded({"x": value})


def test_numbers_of_numpy_are_refused_or_plain():
    numpy = pytest.importorskip("numpy", reason="numpy is a dependency of the package")
    assert type(rounded(numpy.float64(0.1234567891))) is float
    with pytest.raises(UserError, match="expected plain numbers"):
        rounded({"x": numpy.float32(1)})
    with pytest.raises(UserError, match="expected plain numbers"):
        rounded({"x": numpy.zeros(2)})


def test_floats_keep_six_digits():
    assert rounded({"a": 0.123456789, "b": [1234567.8, 7], "c": True, "d": None}) == {
        "a": 0.123457,
        "b": [1234570.0, 7],
        "c": True,
        "d": None,
    }


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_whole(path, "old")

    def fail(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_or_the_new_file_while_another_process_writes(tmp_path):
    """Many writes, many reads, one of the two contents each time."""
    path = tmp_path / "a.json"
    contents = {"a" * 200_000, "b" * 200_000}
    write_whole(path, "a" * 200_000)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from lora_ref.site.record import write_whole\n"
        "for turn in range(200): write_whole(Path(sys.argv[2]), 'ab'[turn % 2] * 200_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(ROOT), str(path)]) as writer:
        while writer.poll() is None:
            assert path.read_text() in contents
    assert writer.returncode == 0


# ---- files that programs read and make


def test_an_artifact_that_is_missing_or_different_is_found(project):
    weights = project.records / "toy" / "weights.bin"
    weights.write_bytes(b"weights")
    record = {**record_of(project), "artifacts": {"weights.bin": file_sha256(weights)}}
    assert artifact_problems(project, record) == []
    weights.write_bytes(b"others")
    assert artifact_problems(project, record) == [
        "docs/records/toy/weights.bin: differs from what toy/measure made; restore it with git"
    ]
    weights.unlink()
    assert artifact_problems(project, record) == ["docs/records/toy/weights.bin: missing; restore it with git"]


@pytest.fixture
def chain(project) -> Project:
    """One program makes a file, another reads it."""
    add(project, "maker", MAKER)
    add(project, "reader", READER)
    for name in ("toy/maker", "toy/reader"):
        run_here(project, name)
    return project


def run_here(project: Project, name: str) -> None:
    """A run without torch and without other processes, but through the same code."""
    program = programs(project)[name]
    folder = running.work_folder(project, program, None)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in program.seeds:
        values = running.import_program(program).run(seed, running.Report(project, program, folder, seed))
        result = {"values": rounded(values, name), "seconds": 0.1, "versions": {"python": "3.11"}}
        result |= {"device_name": "CPU", "measured_on": "2026-11-24"}
        write_whole(folder / f"seed_{seed}.json", json.dumps(result))
    running._write_record(project, program, folder, None)


def test_the_file_is_put_beside_the_record_with_its_hash(chain):
    weights = chain.records / "toy" / "weights.bin"
    assert weights.read_bytes() == b"weights"
    assert record_of(chain, "toy/maker")["artifacts"] == {"weights.bin": file_sha256(weights)}
    assert state(chain, "toy/maker").state == state(chain, "toy/reader").state == "fresh"
    assert not list((chain.cache / "unfinished").rglob("*.json"))


def test_a_missing_checkpoint_is_an_error_and_never_a_random_one(chain):
    (chain.records / "toy" / "weights.bin").unlink()
    with pytest.raises(
        UserError, match=r"docs/records/toy/weights.bin is missing and toy/reader starts from it; restore it"
    ):
        run_here(chain, "toy/reader")
    assert state(chain, "toy/reader").why == "docs/records/toy/weights.bin is missing"
    assert state(chain, "toy/maker").state == "damaged"


def test_a_different_checkpoint_is_an_error(chain):
    (chain.records / "toy" / "weights.bin").write_bytes(b"other weights")
    with pytest.raises(
        UserError, match="docs/records/toy/weights.bin differs from what toy/maker made; restore it with git"
    ):
        run_here(chain, "toy/reader")
    assert state(chain, "toy/reader").state == "stale"


def test_undeclared_files_are_refused(chain):
    program = programs(chain)["toy/reader"]
    report = running.Report(chain, program, chain.cache, 0)
    with pytest.raises(UserError, match="expected corpus.txt in READS"):
        report.read("corpus.txt")
    with pytest.raises(UserError, match="expected other.bin in ARTIFACTS"):
        report.artifact("other.bin")
    with pytest.raises(UserError, match="nothing.bin is missing; restore it with git, or run toy/reader"):
        report.made("nothing.bin")


def test_a_differing_corpus_makes_stale(project):
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text().replace("STEPS = 32", 'STEPS = 32\nREADS = ("corpus.txt",)'))
    (project.root / "corpus.txt").write_text("sympy==1.14.0\n")
    measure(project)
    assert state(project, "toy/measure").state == "fresh"
    (project.root / "corpus.txt").write_text("sympy==1.13.0\n")
    assert state(project, "toy/measure").why == "corpus.txt changed"


def test_programs_run_after_those_that_they_read_from(chain):
    chosen = running.choose(chain, "toy", "cpu", True, None)
    assert [program.name for program in chosen] == ["toy/maker", "toy/measure", "toy/reader"]


# ---- a program killed in the middle


def site(project: Project, *arguments: str, **environment: str) -> subprocess.Popen:
    """The command in a process of its own, with the package of this repository and, to start fast, a torch that is none."""
    (project.root / "stub").mkdir(exist_ok=True)
    (project.root / "stub" / "torch.py").write_text("def set_num_threads(threads):\n    assert threads == 1\n")
    script = project.root / "run_site.py"
    script.write_text(
        f"import sys; sys.path[:1] = [{str(project.root / 'stub')!r}, {str(ROOT)!r}]\n"
        "if __name__ == '__main__':\n    from lora_ref.site.__main__ import main\n    main()\n"
    )
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_killed_in_the_middle_and_resumed(project):
    add(project, "slow", SLOW)
    log = project.root / "log"
    folder = running.work_folder(project, programs(project)["toy/slow"], None)

    first = site(project, "run", "toy/slow", "--jobs", "1", TOY_LOG=str(log))
    wait_for(lambda: (folder / "seed_0.json").exists() and log.read_text().count("\n") >= 2)
    first.send_signal(signal.SIGKILL)
    first.communicate()

    assert not (project.records / "toy" / "slow.json").exists()
    assert state(project, "toy/slow").state == "missing"
    for path in folder.glob("*.json"):
        json.loads(path.read_text())
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    time.sleep(2.5)  # its worker sees within a second that nobody waits for it
    ran = log.read_text().split()
    assert ran in (["0", "1"], ["0", "1", "2"])
    time.sleep(1.5)
    assert log.read_text().split() == ran, "a worker goes on alone"

    finished = {path.stem for path in folder.glob("seed_*.json")}
    second = site(project, "run", "toy/slow", "--jobs", "2", TOY_LOG=str(log))
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert "measured toy/slow: 3 seed(s)" in out + err
    again = log.read_text().split()[len(ran) :]
    assert sorted(again) == sorted({"0", "1", "2"} - {name.removeprefix("seed_") for name in finished})
    record = record_of(project, "toy/slow")
    assert record["values"] == {"x": 2.0, "x_sd": 1.0}
    assert {seed: values["x"] for seed, values in record["by_seed"].items()} == {"0": 1.0, "1": 2.0, "2": 3.0}
    assert state(project, "toy/slow").state == "fresh" and not folder.exists()


def test_a_program_that_fails_is_one_line_and_keeps_the_finished_seeds(project):
    add(project, "slow", SLOW.replace('return {"x": 1.0 + seed}', 'return {"x": 1.0 / (2 - seed)}'))
    folder = running.work_folder(project, programs(project)["toy/slow"], None)
    process = site(project, "run", "toy/slow", "--jobs", "1", TOY_LOG=str(project.root / "log"))
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err.startswith(
        "lora_ref.site: toy/slow, seed 2 failed: ZeroDivisionError: float division by zero; finished seeds are kept."
    )
    assert err.count("\n") == 1
    assert sorted(path.name for path in folder.glob("*.json")) == ["seed_0.json", "seed_1.json"]
    assert not (project.records / "toy" / "slow.json").exists()


def test_code_changed_while_it_ran_writes_nothing(project):
    add(project, "maker", MAKER)
    program = programs(project)["toy/maker"]
    folder = running.work_folder(project, program, None)
    add(project, "maker", MAKER.replace('"size": 7', '"size": 8'))
    with pytest.raises(UserError, match="its code or data changed while it ran; nothing is written"):
        running._write_record(project, program, _with_seed(folder), None)
    assert not (project.records / "toy" / "maker.json").exists()


def _with_seed(folder: Path) -> Path:
    folder.mkdir(parents=True)
    result = {"values": {"size": 7}, "seconds": 0.1, "versions": {}, "device_name": "CPU", "measured_on": "2026-11-24"}
    (folder / "seed_0.json").write_text(json.dumps(result))
    (folder / "weights.bin").write_bytes(b"weights")
    return folder


def test_only_combine_changed_so_nothing_runs(project):
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text() + '\n\ndef combine(seeds):\n    return {"losses": seeds[0]["losses"]}\n')
    left = running.run_programs(project, [programs(project)["toy/measure"]])
    assert left == [] and list(record_of(project)["values"]) == ["losses"]
    assert state(project, "toy/measure").state == "fresh"


# ---- the command


def call(project: Project, monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command, in this process."""
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(sys, "argv", ["lora_ref.site", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_status_as_json(project, monkeypatch, capsys):
    code, out, _ = call(project, monkeypatch, capsys, "status", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["program"], row["state"], row["device"]) for row in rows] == [
        ("toy/measure", "fresh", "cpu"),
        ("toy/speed", "not yet measured on a GPU", "cuda"),
    ]
    assert rows[0]["why"] == "" and "run toy/speed" in rows[1]["why"]
    assert all({"program", "state", "why", "device", "age_days", "versions_differ"} == set(row) for row in rows)
    assert isinstance(rows[0]["age_days"], int) and rows[1]["age_days"] is None


def test_status_says_why_and_strict_exits_one(project, monkeypatch, capsys):
    assert call(project, monkeypatch, capsys, "status", "--strict")[0] == 1, "the GPU program has no record"
    (project.snippets / "toy" / "speed.py").unlink()
    assert call(project, monkeypatch, capsys, "status", "--strict")[0] == 0
    path = project.root / "lora_ref" / "formula.py"
    path.write_text(path.read_text().replace("rank**EXPONENT", "rank**EXPONENT + 1"))
    code, out, _ = call(project, monkeypatch, capsys, "status", "--json", "--strict")
    assert code == 1 and json.loads(out)[0]["why"] == "lora_ref/formula.py changed (power)"
    assert call(project, monkeypatch, capsys, "status")[0] == 0


ERRORS = {
    "unknown program": (("run", "toy/nothing"), "expected a chapter or program, got 'toy/nothing'; there are toy/measure, toy/speed"),
    "unknown device": (("run", "--device", "tpu"), "expected --device cpu or cuda, got 'tpu'"),
    "no GPU": (("run", "toy/speed"), "expected a CUDA device, and torch sees none here; nothing falls back to the CPU"),
    "no GPU asked for": (("run", "--device", "cuda"), "expected a CUDA device, and torch sees none here"),
    "no jobs": (("run", "--jobs", "0"), "Invalid value for '--jobs'"),
    "no number": (("run", "--time-limit", "soon"), "Invalid value for '--time-limit'"),
    "unknown option": (("status", "--jsn"), "No such option: --jsn"),
    "unknown command": (("measure",), "No such command 'measure'"),
    "trace of nothing": (("trace", "toy/nothing"), "expected a program, got 'toy/nothing'"),
    "no built site": (("gate", "nowhere"), "expected a built site in nowhere, found no index.html; build it with `make site`"),
    "figures of nothing": (("figures", "toy/nothing"), "expected a chapter or program, got 'toy/nothing'"),
    "records of nothing": (("records", "toy/nothing"), "expected a chapter or program, got 'toy/nothing'"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_line_and_exit_code_two(project, monkeypatch, capsys, case):
    monkeypatch.setattr(running, "has_gpu", lambda: False)
    arguments, expected = ERRORS[case]
    code, out, err = call(project, monkeypatch, capsys, *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("lora_ref.site: ") and expected in err


def test_outside_of_a_project(tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    code, _, err = call(Project(tmp_path / "empty"), monkeypatch, capsys, "status")
    assert code == 2 and err.startswith("lora_ref.site: expected mkdocs.yml and snippets/ in ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("SEEDS = (0, 1, 2)", "", "snippets/toy/measure.py:1: expected a constant SEEDS, found none"),
        ('DEVICE = "cpu"', 'DEVICE = "tpu"', 'expected DEVICE "cpu" or "cuda", got \'tpu\''),
        ("STEPS = 32", "STEPS = 4 * 8", "expected literals for STEPS, since constants are the whole configuration"),
        ("def run(", "def ran(", "expected a function run(seed, report), found none"),
        ("def run(", "def run((", "expected Python, got a syntax error"),
        ('"""A toy: the loss of a made-up method by rank, in nats, over three seeds."""', "", "expected a docstring"),
    ],
)
def test_a_broken_program_is_one_line(project, monkeypatch, capsys, old, new, expected):
    path = project.snippets / "toy" / "measure.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    code, _, err = call(project, monkeypatch, capsys, "status")
    assert code == 2 and expected in err and err.count("\n") == 1


def test_a_damaged_record_is_a_state_and_no_error(project, monkeypatch, capsys):
    (project.records / "toy" / "measure.json").write_text("{")
    code, out, _ = call(project, monkeypatch, capsys, "status", "--json")
    assert code == 0 and json.loads(out)[0]["state"] == "damaged"


# ---- drift


def test_compare_judges_within_tolerance_and_never_a_timing(project):
    path = project.snippets / "toy" / "measure.py"
    path.write_text(path.read_text().replace("STEPS = 32", 'STEPS = 32\nTOLERANCE = {"loss_*": 0.1}'))
    program = programs(project)["toy/measure"]
    old = {"loss_rank_4": 0.5, "parameters": 128, "losses": [0.1, 0.2], "seconds_step": 1.0}
    new = {"loss_rank_4": 0.59, "parameters": 129, "losses": [0.1, 0.2], "seconds_step": 9.0, "other": 1.0}
    rows = {row.value: row.ok for row in running.compare(program, old, new)}
    assert rows == {"loss_rank_4": True, "parameters": False, "losses": True, "seconds_step": True, "other": False}
    (row,) = running.compare(program, {"losses": [0.1, 0.2]}, {"losses": [0.1]})
    assert not row.ok
