"""The evidence of an audit as the core writes it, with its verdict and its counterexamples."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from analyzers.contract import Json
from service.core.canonical import digest
from service.demo.shapes import CLASSES, draw
from service.report.gallery import GalleryImages

ATTACK = "attacks.linf@Linf:8/255:white:gate"
PREFLIGHT = "behaviour.preflight"
FILTERS = "structure.filters"
THREAT = "Linf:8/255:white:gate"
N = 1000


def fake(name: str) -> str:
    """A digest that stands for a file which no test needs."""
    return sha256(name.encode()).hexdigest()


def tally(standing: int, fallen: int, *, pending: int = 0, full: int = 0) -> dict[str, int]:
    """Counts over ``N`` images, of which the rest was not looked at."""
    return {
        "population": N,
        "prefix": standing + fallen + pending,
        "standing": standing,
        "fallen": fallen,
        "pending": pending,
        "full": full,
    }


def measurement(analyzer: str, metric: str, value: float | None, **more: Json) -> dict[str, Json]:
    """One measurement with every key that the core writes."""
    body: dict[str, Json] = {
        "analyzer": analyzer,
        "metric": metric,
        "outcome": "measured" if value is not None else "not_available",
        "scope": {},
        "value": value,
        "counts": {},
        "bound": "estimate",
        "grade": "C",
        "limit": None,
        "view": None,
        "note": "",
    }
    return {**body, **more}


def view(kind: str, title: str, caption: str, **data: Json) -> dict[str, Json]:
    """A view as an analyzer states it."""
    return {"kind": kind, "title": title, "data": data, "caption": caption}


def _layers() -> list[dict[str, Json]]:
    names = [
        f"layer{block}.{unit}.conv{part}"
        for block in (1, 2, 3, 4)
        for unit in (0, 1)
        for part in (1, 2)
    ]
    found: list[dict[str, Json]] = []
    for place, name in enumerate(names):
        scope = {"layer": name}
        entropy = round(1.32 - 0.021 * place + 0.05 * ((place * 7) % 5) / 4, 6)
        sparsity = round(0.004 + 0.0006 * place * place, 6)
        found.append(measurement(FILTERS, "filters.entropy", entropy, scope=scope))
        found.append(measurement(FILTERS, "filters.sparsity", sparsity, scope=scope))
    return found


def _explanations() -> list[dict[str, Json]]:
    layers = [f"layer{block}.{unit}" for block in (1, 2, 3, 4) for unit in (0, 1)]
    entropy = [1.31, 1.29, 1.27, 1.22, 1.18, 1.12, 1.05, 0.79]
    dots = view(
        "dots_over_band",
        "Filter entropy falls with depth",
        "Band: middle 90% of 71 normally trained networks with 3×3 filters.",
        labels=layers,
        values=entropy,
        low=[1.05, 1.05, 1.04, 1.0, 0.98, 0.95, 0.9, 0.86],
        high=[1.42, 1.41, 1.4, 1.38, 1.36, 1.33, 1.3, 1.28],
    )
    unused = view(
        "bars",
        "Unused filters by layer",
        "Dashed: the share in the reference networks.",
        labels=layers,
        values=[0.004, 0.006, 0.013, 0.022, 0.034, 0.05, 0.097, 0.139],
        unit="share",
        baseline=0.03,
    )
    return [
        measurement(FILTERS, "filters.entropy", 1.154, view=dots, note="n = 4,224 filters"),
        measurement(FILTERS, "filters.sparsity", 0.0463, view=unused, note="batch norm was folded"),
        measurement(FILTERS, "filters.orthogonality", 0.8127, note="n = 16 layers"),
        *_layers(),
    ]


def _indicator(metric: str, over: int, under: int, limit: float, note: str = "") -> dict[str, Json]:
    return measurement(
        ATTACK,
        metric,
        over / under,
        scope={"threat": THREAT},
        counts={"numerator": over, "denominator": under},
        bound="indicator",
        grade="D",
        limit=limit,
        note=note,
    )


def measurements() -> list[dict[str, Json]]:
    """Everything that three analyzers measured."""
    standing, fallen = 121, 879
    bracket = view(
        "bracket",
        "Robust accuracy",
        "",
        certified=0.0,
        upper=(N - fallen) / N,
        **{key: value for key, value in tally(standing, fallen).items() if key != "full"},
    )
    steps = [0, 1, 2, 4, 8, 12, 20, 32, 50]
    shares = [0.946, 0.702, 0.411, 0.203, 0.149, 0.134, 0.126, 0.122, 0.121]
    progress = view(
        "curve",
        "Share of images standing after so many steps",
        "The last doubling gained 0.1 points.",
        x=steps,
        y=shares,
        low=[max(0.0, share - 0.02) for share in shares],
        high=[min(1.0, share + 0.02) for share in shares],
        x_label="gradient steps",
        y_label="standing",
        unit="share",
    )
    return [
        measurement(
            PREFLIGHT, "accuracy", 0.946, counts=tally(946, 54, full=N), grade="B", bound="estimate"
        ),
        measurement(
            PREFLIGHT,
            "preprocessing_fits",
            0.0,
            counts={"numerator": 0, "denominator": N},
            bound="indicator",
            grade="D",
            limit=0.0,
        ),
        measurement(
            ATTACK,
            "robust_accuracy",
            standing / N,
            scope={"threat": THREAT},
            counts=tally(standing, fallen, full=N),
            bound="upper",
            grade="A",
            view=bracket,
        ),
        {**_indicator("zero_gradient", 3, 946, 0.02), "view": progress},
        _indicator("engines_disagree", 0, N, 0.001),
        _indicator("loss_never_rose", 31, 946, 0.02, "The loss of 31 images stayed flat."),
        *_explanations(),
    ]


def facts() -> dict[str, Json]:
    """What a repeat must reproduce."""
    threat = {"norm": "Linf", "eps": "8/255", "knowledge": "white"}
    return {
        "schema": "assay/evidence/v1",
        "subject": {
            "name": "shapes-resnet18.onnx",
            "digest": fake("subject"),
            "canonical_digest": fake("canonical"),
            "file_digest": fake("file"),
            "format": "onnx",
            "shape": [3, 32, 32],
            "classes": 10,
            "parameters": 11173962,
            "batch": "free",
            "bn_folded": "yes",
            "gradient_gap": "",
            "input_spec": {
                "layout": "nchw",
                "scale": 1.0,
                "mean": [0.4914, 0.4822, 0.4465],
                "std": [0.247, 0.2435, 0.2616],
            },
        },
        "data": {
            "digest": fake("data"),
            "n": N,
            "classes": 10,
            "eight_bit": True,
            "slice": "0:1000",
            "name": "shapes-test.npz",
        },
        "plan": {
            "analyzers": [
                _planned(PREFLIGHT, "Preflight", {}, ["preprocessing_fits"], first=True),
                _planned(
                    ATTACK,
                    "White-box attacks",
                    threat,
                    ["zero_gradient", "engines_disagree", "loss_never_rose"],
                ),
                _planned(FILTERS, "Filters", {}, []),
            ],
            "seed": 0,
            "permutation": "sha256(seed;sample;copy)",
        },
        "engine": {
            "device": "cpu",
            "instructions": "avx512",
            "decision": "float32",
            "torch": "2.13",
            "onnxruntime": "1.29",
        },
        "versions": {"assay": "0.1.0", "onnx": "1.21.1", "numpy": "2.4.6"},
        "measurements": measurements(),
        "samples": {},
        "findings": findings(),
        "passes": {"forward": 41877, "backward": 39264},
    }


def _planned(
    key: str, title: str, config: dict[str, Json], indicators: list[str], *, first: bool = False
) -> dict[str, Json]:
    return {
        "key": key,
        "id": key.partition("@")[0],
        "version": "1",
        "config": config,
        "title": title,
        "summary": _SUMMARIES[title],
        "reference": _REFERENCES[title],
        "indicators": indicators,
        "first": first,
    }


_SUMMARIES = {
    "Preflight": "Reproduces the clean accuracy before anything is attacked.",
    "White-box attacks": "Climbs the loss inside the ball around each image, cheap attacks first.",
    "Filters": "Looks at the weights of every convolution; no image is needed.",
}
_REFERENCES = {
    "Preflight": "",
    "White-box attacks": "Croce and Hein, ICML 2020",
    "Filters": "Gavrikov and Keuper, CVPR 2022",
}


def findings() -> list[dict[str, Json]]:
    """Two findings, the graver one last."""
    return [
        {
            "id": "FIL-DEAD",
            "severity": "medium",
            "grade": "C",
            "statement": "4.6% of the filters are unused, more than in 9 of 10 reference networks. "
            "This is an association with overfitting, not a cause of weakness.",
            "evidence": {"metric": "filters.sparsity", "value": 0.0463, "scope": {}},
            "remedy": "Train with a smaller network or stronger augmentation, then audit again "
            "(expected gain: a guess).",
            "reproduce": "assay audit MODEL --data DATA --analyzer structure.filters",
            "analyzer": FILTERS,
        },
        {
            "id": "ROB-WC-LINF",
            "severity": "critical",
            "grade": "A",
            "statement": "Changes of at most 8/255 a pixel turn the model's answer on 82.5% of the "
            "images that it classifies correctly.",
            "evidence": {"metric": "robust_accuracy", "value": 0.121, "scope": {"threat": THREAT}},
            "remedy": "Train adversarially with this budget; published gains on such networks are "
            "35 to 45 points of robust accuracy.",
            "reproduce": "assay audit MODEL --data DATA --analyzer attacks.linf",
            "analyzer": ATTACK,
        },
    ]


def run() -> dict[str, Json]:
    """How this run went."""
    return {
        "audit": "projects/local/audits/0197f2aa",
        "created": "2026-11-20T09:14:03Z",
        "finished": "2026-11-20T09:20:15Z",
        "host": "runner-7",
        "seconds": 372.4,
        "attempts": 24,
        "cache": {"hits": 9, "misses": 15},
        "artifacts": [
            {
                "name": "evidence.json",
                "digest": fake("e"),
                "media": "application/json",
                "size": 48211,
            }
        ],
        "notes": [],
    }


def evidence() -> dict[str, Json]:
    """A whole evidence file."""
    return {"facts": facts(), "run": run()}


def requirement(name: str, **more: Json) -> dict[str, Json]:
    """One judged requirement."""
    body: dict[str, Json] = {
        "id": name,
        "metric": "accuracy",
        "threat": "",
        "label": "",
        "state": "PASS",
        "observed": 0.946,
        "threshold": 0.9,
        "comparison": "gte",
        "level": 0.95,
        "interval": [0.946, 0.946],
        "counts": tally(946, 54, full=N),
        "reason": "946 of 1000 images stand; 900 must.",
        "decided_by": "counts",
    }
    return {**body, **more}


def verdict() -> dict[str, Json]:
    """FAIL: the worst case falls short, and one indicator is red."""
    seen = evidence()
    worst = requirement(
        "worst-case",
        metric="robust_accuracy",
        threat=THREAT,
        label="linf8",
        state="FAIL",
        observed=0.121,
        threshold=0.38,
        interval=[0.121, 0.121],
        counts=tally(121, 879, full=N),
        reason="879 of 1000 images fell; 380 must stand.",
    )
    indicators: list[dict[str, Json]] = [
        {**one, "state": "ok" if one["value"] <= one["limit"] else "red"}
        for one in seen["facts"]["measurements"]
        if one["bound"] == "indicator"
    ]
    indicators.append(
        {
            "analyzer": ATTACK,
            "metric": "budget_not_enough",
            "scope": {"threat": THREAT},
            "state": "missing",
            "value": None,
            "limit": None,
            "counts": {},
            "note": "This indicator was promised and is absent.",
        }
    )
    return {
        "schema": "assay/verdict/v1",
        "verdict": "FAIL",
        "sentence": "FAIL. On these 1000 images, at most 12.1% keep the correct label within Linf "
        "8/255. The policy's 'worst-case' requires at least 38.0%. 879 of 1000 images fell; 380 "
        "must stand.",
        "requirements": [requirement("clean"), worst],
        "indicators": indicators,
        "claim": "set",
        "domain": "float",
        "seed": 0,
        "policy_digest": fake("policy"),
        "evidence_digest": digest(seen["facts"]),
        "notes": [
            "Judged in floating point: witnesses were not required to survive 8-bit rounding."
        ],
        "evaluated_at": "2026-11-20T09:20:15Z",
    }


def counterexamples(count: int = 14) -> GalleryImages:
    """Demo pictures with a change of 8/255 in every pixel, towards or away at random."""
    pictures = draw(count, seed=3)
    clean = pictures.images.transpose(0, 3, 1, 2)
    signs = np.sign(np.random.default_rng(0).standard_normal(clean.shape))
    moved = np.clip(clean / 255.0 + signs * 8 / 255, 0.0, 1.0).astype(np.float32)
    labels = [int(label) for label in pictures.labels]
    predicted = [(label + 3) % len(CLASSES) for label in labels]
    return GalleryImages(clean, moved, labels, predicted, "8/255", CLASSES)
