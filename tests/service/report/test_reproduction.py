"""The command and the facts by which an audit can be repeated."""

import shlex

from analyzers.contract import Json
from service.report.reproduction import commands, costs, identity, method
from support import evidence as sample


def told(evidence: dict[str, Json]) -> dict[str, str]:
    """All facts of all chapters, by chapter and name."""
    found = [
        *method(evidence["facts"]),
        *costs(evidence),
        *identity(evidence, sample.verdict(), "0" * 64),
    ]
    return {f"{one.title}/{name}": value for one in found for name, value in one.pairs}


def test_the_command_declares_everything_that_matters() -> None:
    """Slice, preprocessing, layout and a seed of its own become flags."""
    facts = sample.facts()
    facts["subject"]["input_spec"]["layout"] = "nhwc"
    facts["plan"]["seed"] = 7
    assert shlex.split(commands(facts)[0]) == [
        *("assay", "check", "shapes-resnet18.onnx", "--data", "shapes-test.npz[0:1000]"),
        *("--policy", "POLICY", "--normalize", "0.4914,0.4822,0.4465/0.247,0.2435,0.2616"),
        *("--layout", "nhwc", "--seed", "7"),
    ]


def test_the_command_says_what_in_the_file_is_meant() -> None:
    """Architecture and output become flags, and numbers keep every digit."""
    facts = sample.facts()
    facts["subject"]["conversion"] = {"architecture": "demo-cnn6"}
    facts["subject"]["output"] = "scores"
    facts["subject"]["input_spec"] = {"mean": [0.49139968], "std": [0.24703233]}
    words = shlex.split(commands(facts)[0])
    assert words[-4:] == ["--arch", "demo-cnn6", "--output", "scores"]
    assert "0.49139968/0.24703233" in words


def test_the_command_says_how_the_data_are_read() -> None:
    """What was unusual becomes flags; a usual reading is not in the evidence, and not here."""
    facts = sample.facts()
    usual = commands(facts)[0]
    facts["data"]["reading"] = {"channels": "bgr", "layout": "nhwc", "pixels": "0-255"}
    line = commands(facts)[0]
    flags = " --data-layout nhwc --channels bgr --pixels 0-255"
    assert line.replace(flags, "") == usual != line
    facts["data"]["reading"] = ["bgr"]
    assert commands(facts)[0] == usual


def test_the_command_withholds_again() -> None:
    """Whoever repeats an audit hands out as little as it did."""
    facts = sample.facts()
    usual = commands(facts)[0]
    facts["data"]["withheld"] = True
    assert commands(facts)[0].replace(" --withhold", "") == usual != commands(facts)[0]


def test_the_command_asks_for_pictures_in_conflict_again() -> None:
    """A placeholder with the slice, for evidence knows a set by its digest and not by its file."""
    facts = sample.facts()
    usual = commands(facts)[0]
    facts["data"]["cues"] = {"digest": "c" * 64, "n": 40, "slice": ""}
    assert commands(facts)[0].replace(" --cues CUES", "") == usual
    facts["data"]["cues"]["slice"] = "0:30"
    assert "--cues 'CUES[0:30]'" in commands(facts)[0]


def test_what_was_done_to_the_upload_is_told() -> None:
    """Opened batch, converted operators, a tail cut off, a twin's gradients."""
    body = sample.evidence()
    canonical = {"opset": 26, "upload_opset": 11, "tail": "softmax"}
    twin = "rounding: op QuantizeLinear at q"
    body["facts"]["subject"] |= {"freed": True, "canonical": canonical, "twin": twin}
    facts = told(body)
    assert facts["Model/batch axis"].endswith(", fixed at 1 in the upload")
    assert facts["Model/operators"] == "opset 26, 11 in the upload"
    assert facts["Model/cut off after the scores"] == "softmax"
    assert facts["Model/gradients of a twin"] == twin


def test_a_hostile_name_stays_one_word() -> None:
    """A name cannot smuggle a second command into the line that people copy."""
    facts = sample.facts()
    facts["subject"]["name"] = "x; rm -rf ~\n#"
    line = commands(facts)[0]
    assert shlex.split(line)[2] == "x; rm -rf ~ #"
    assert "\n" not in line
    assert "rm" in shlex.split(f"assay check {facts['subject']['name']}", comments=True)


def test_without_names_the_command_has_placeholders() -> None:
    """Nothing known gives the form of the command."""
    assert commands({}) == ["assay check MODEL --data DATA --policy POLICY"]


def test_identity_and_run_are_apart() -> None:
    """Digests stand under identity; host, time and cache under this run."""
    facts = told(sample.evidence())
    assert facts["Identity/evidence"] == "sha256:" + "0" * 64
    assert facts["This run/host"] == "runner-7"
    assert facts["This run/took"] == "6 min 12 s"
    assert facts["This run/cache"] == "9 of 24 units answered from it"
    assert facts["Model/input"] == "3×32×32"
    assert facts["Images/eight bit"] == "yes"
    assert facts["Files/evidence.json"].endswith(" 48,211 bytes")


def test_cost_is_told_for_each_image() -> None:
    """Passes in all, and over the images of the set."""
    facts = told(sample.evidence())
    assert facts["Passes/forward"] == "41,877"
    assert facts["Passes/forward for each image"] == "41.88"


def test_preprocessing_leaves_out_what_is_not_set() -> None:
    """Empty lists of a spec are no words."""
    body = sample.evidence()
    body["facts"]["subject"]["input_spec"] = {"layout": "nchw", "mean": [], "axes": []}
    assert told(body)["Model/preprocessing"] == "layout nchw"


def test_nested_facts_become_one_line() -> None:
    """A conversion's details are told; what is nested without end is cut."""
    body = sample.evidence()
    endless: Json = "deep"
    for _ in range(50):
        endless = [endless]
    body["facts"]["subject"]["conversion"] = {"from": {"format": "pytorch"}, "log": endless}
    facts = told(body)
    assert facts["Model/conversion from"] == "format pytorch"
    assert facts["Model/conversion log"] == "…"
