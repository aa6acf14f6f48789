"""What the convolution kernels look like: variety, sparsity, alignment, and the first layer.

Gavrikov and Keuper, "Adversarial Robustness through the Lens of Convolutional Filters"
(CVPR Workshops 2022, arXiv:2204.02481). Everything here is an association (grade C): it ranks
hypotheses and decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from analyzers.contract import (
    Analyzer,
    Array,
    Batch,
    Case,
    ConvLayer,
    Description,
    Done,
    FindingRule,
    Json,
    Measurement,
    MetricSpec,
    Partial,
    Shard,
    Skipped,
    Stop,
    Subject,
    Tell,
    Unit,
)
from analyzers.structure.filter_details import layer_measurements
from analyzers.structure.filter_intervals import Numbers, entropy_intervals
from analyzers.structure.filter_layers import (
    LayerRow,
    columns,
    entropy_applies,
    read_layer,
    rows_of,
    unique_names,
    usable,
)
from analyzers.structure.filter_network import RANDOM_LIKE, Network
from analyzers.structure.filter_spectrum import DISTANCES, spectrum_numbers
from analyzers.structure.filter_summary import absent, model_measurements
from analyzers.structure.kernel_spectrum import pooled_shares
from analyzers.structure.kernel_statistics import Moments, moments
from analyzers.structure.reference_models import CIFAR_10, STEM_LIKE_NORMAL

_NAMED: Final = 3
NO_LAYERS: Final = "The model has no convolution with constant, finite weights."


def plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit without images; the weights that an upload brought along decide its result."""
    del config, stop
    source = {"weights": case.subject.source_weights} if case.subject.source_weights else {}
    return () if done else (Unit((0, 0), source, seconds=1.0),)


def measure(
    shard: Shard, subject: Subject, batch: Batch, inputs: Mapping[str, Array], tell: Tell
) -> Partial:
    """Read every convolution of the model."""
    del batch, inputs
    weights = subject.conv_weights()
    every, layers = weights.layers, usable(weights.layers)
    if not layers:
        return Partial("not_applicable", note=f"{NO_LAYERS}{_skipped(weights.skipped)}")
    stem = next((place for place, layer in enumerate(layers) if layer.depth == 0), None)
    rows, kept = list[LayerRow](), dict[int, Moments]()
    for place, (layer, name) in enumerate(zip(layers, unique_names(layers), strict=True)):
        tell(place, len(layers), name)
        sums = moments(layer.weight) if entropy_applies(layer) else None
        rows.append(read_layer(layer, name, is_stem=place == stem, sums=sums))
        if sums is not None and rows[-1].comparable and rows[-1].entropy is not None:
            kept[place] = sums
    numbers: Numbers = {
        "layers": len(every),
        "left_out": len(every) - len(layers),
        "skipped": len(weights.skipped),
        "from_upload": int(weights.source == "upload"),
    }
    numbers |= entropy_intervals(layers, kept, shard.seed) | _spectrum(list(kept.values()))
    return Partial(
        "measured",
        numbers,
        columns(rows),
        note=f"{_left_out(every, layers)}{_skipped(weights.skipped)} {weights.why_file}".strip(),
    )


def _left_out(every: Sequence[ConvLayer], layers: Sequence[ConvLayer]) -> str:
    missing = len(every) - len(layers)
    return f"{missing} of {len(every)} convolutions were left out." if missing else ""


def _skipped(skipped: Sequence[Skipped]) -> str:
    """The first layers that have no fixed weights, and why."""
    if not skipped:
        return ""
    named = "; ".join(f"{one.name[:80]}: {one.why}" for one in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f" Skipped: {named}{more}."


def _spectrum(kept: Sequence[Moments]) -> Numbers:
    """The shares of variance of all plain 3x3 kernels together."""
    shares = pooled_shares(kept) if kept else None
    if shares is None:
        return {}
    kernels = int(sum(sums.count.sum() for sums in kept))
    return spectrum_numbers(shares, kernels, sum(int((sums.count > 0).sum()) for sums in kept))


def merge(case: Case, config: Mapping[str, Json], done: Sequence[Done]) -> Sequence[Measurement]:
    """Aggregates of the model first, then layer by layer."""
    del config
    if not done:
        return absent("out_of_budget", "The weights were not looked at.")
    last = done[-1]
    if last.outcome != "measured":
        return absent(last.outcome, last.note)
    network = Network(case, rows_of(last.samples), last.numbers, last.note)
    found = model_measurements(network)
    for row in network.rows:
        found.extend(layer_measurements(row))
    return found


_SHARE: Final = (0.0, 1.0)
_LIMIT: Final = CIFAR_10.collapsed_below

METRICS: Final = (
    MetricSpec(
        "filters.entropy",
        "Variety of kernel patterns: entropy (log10) of the variance of scaled, non-zero kernels "
        "over its principal axes. 0 is one pattern, log10 of the taps (.954 for 3x3) is random. "
        "The model's value weighs 3x3 layers by their non-zero kernels.",
        unit="",
        range=(0.0, 1.6902),
        title="Variety of the kernels (entropy)",
    ),
    MetricSpec(
        "filters.entropy_late",
        "filters.entropy of the 3x3 layers in the last 30 % of the convolution depth, where "
        "adversarially and normally trained CIFAR models differ most.",
        unit="",
        range=(0.0, 0.9543),
        title="Variety of the late kernels",
    ),
    MetricSpec(
        "filters.entropy_over_random",
        "Entropy of a 3x3 layer over the least that as many random kernels have; from 1 on the "
        "layer cannot be told from a random one.",
        unit="times random",
        title="Variety, over that of random kernels",
    ),
    MetricSpec(
        "filters.random_like",
        "Share of 3x3 layers with at least 64 non-zero kernels that look random.",
        range=_SHARE,
        title="Layers that look untrained",
    ),
    MetricSpec(
        "filters.sparsity",
        "Share of kernels whose largest weight is at most 1 % of the layer's. One outlier, or "
        "folding a batch norm, changes it.",
        range=_SHARE,
        title="Near-zero kernels, against the layer",
    ),
    MetricSpec(
        "filters.sparsity_robust",
        "Share of kernels whose largest weight is at most 1 % of that of their own output; dead "
        "outputs are not counted.",
        range=_SHARE,
        title="Near-zero kernels, within each output",
    ),
    MetricSpec(
        "filters.orthogonality",
        "One minus the mean absolute cosine between live output filters of a group. Random "
        "filters and wide layers score high by themselves; see filters.coherence.",
        range=_SHARE,
        title="Orthogonality of live filters",
    ),
    MetricSpec(
        "filters.coherence",
        "Mean absolute cosine between live output filters, over that of random ones: 1 is "
        "random, more is aligned.",
        unit="times random",
        title="Alignment of live filters",
    ),
    MetricSpec(
        "filters.dead_outputs",
        "Share of output channels all of whose weights are 0.",
        range=_SHARE,
        title="Outputs without any weight",
    ),
    MetricSpec(
        "filters.collapsed_layers",
        "Late 3x3 layers whose entropy few normally trained reference models fall below.",
        unit="layers",
        title="Layers with little variety",
    ),
    MetricSpec(
        "filters.unused_layers",
        "Collapsed layers more than 30 % of whose kernels are near zero.",
        unit="layers",
        title="Layers hardly used",
    ),
    MetricSpec(
        "filters.centre_share",
        "Share of the first layer's energy on the centre tap. Scales of single outputs, and so "
        "folding a batch norm, shift it.",
        range=_SHARE,
        title="First layer's weight on the centre",
    ),
    MetricSpec(
        "filters.thresholding_share",
        "Share of the first layer's filters with at least 90 % of their energy on the centre tap.",
        range=_SHARE,
        title="First layer's filters of one pixel",
    ),
    MetricSpec(
        "filters.antipair_share",
        "Share of the first layer's filters that have a near negative (cosine below -.9).",
        range=_SHARE,
        title="First layer's filters with an opposite",
    ),
    MetricSpec(
        "filters.stem_centre_share",
        "filters.centre_share of a plain 3x3 first layer, where trained reference models of the "
        "same kind exist.",
        range=_SHARE,
        title="First layer's weight on the centre, beside reference models",
    ),
    *(
        MetricSpec(
            metric,
            "The least Gaussian KL divergence, at equal means and total variance, that the 3x3 "
            f"kernels can have from those of {metric.rpartition('_')[2]} reference models: from "
            "the variance shares of both over their principal axes. 0 is the same spectrum.",
            unit="nats",
            title=f"Distance from {metric.rpartition('_')[2]} reference models",
        )
        for metric in DISTANCES
    ),
)

FINDINGS: Final = (
    FindingRule(
        id="FIL-RANDOM",
        metric="filters.random_like",
        comparison="above",
        threshold=0.0,
        severity="medium",
        grade="C",
        statement="Some layers look untrained or frozen: in a share of {value} of the larger 3x3 "
        "convolutions the kernels cannot be told from random ones. This is an association.",
        remedy="Check that this is the trained checkpoint and that no branch is left unused.",
    ),
    FindingRule(
        id="FIL-UNTRAINED",
        metric="filters.random_like",
        comparison="above",
        # "At least 80 %": a share of layers lies on 0.8 or well below it, never in between.
        threshold=RANDOM_LIKE - 1e-6,
        severity="medium",
        grade="C",
        statement="The network as a whole is random-like: a share of {value} of its larger 3x3 "
        "convolutions cannot be told from random ones. Untrained networks score higher on kernel "
        "entropy than any robust one; by association, this speaks for missing training.",
        remedy="Export the trained checkpoint; look at the clean accuracy first.",
    ),
    FindingRule(
        id="FIL-COLLAPSED",
        metric="filters.collapsed_layers",
        comparison="above",
        threshold=1.0,
        severity="low",
        grade="C",
        statement="{value} late layers reuse very few kernel patterns: their variance entropy lies "
        f"below {_LIMIT}, as 5 % of {CIFAR_10.normal.models} normally trained CIFAR-10 models do "
        "(RobustBench family, ResNet and WRN, 32x32). This is an association, and on ImageNet "
        "the difference between normal and robust models vanishes.",
        remedy="Let the attacks decide. Raising the entropy itself is not known to help; "
        "adversarial training changes it on the way.",
    ),
    FindingRule(
        id="FIL-UNUSED",
        metric="filters.unused_layers",
        comparison="above",
        threshold=1.0,
        severity="low",
        grade="C",
        statement="{value} late layers of few kernel patterns also have more than 30 % near-zero "
        "kernels: capacity that is unused and may be pruned. This is an association.",
        remedy="Set the near-zero kernels to zero, check that logits move by less than 0.001 and "
        "that accuracy stays, then prune.",
    ),
    FindingRule(
        id="FIL-STEM",
        metric="filters.stem_centre_share",
        comparison="below",
        threshold=STEM_LIKE_NORMAL,
        severity="info",
        grade="C",
        statement="The first layer holds few thresholding filters (centre-tap share {value}) and, "
        "if its stride is 1, resembles normally trained stems: 95 % of 29 normal CIFAR-10 stems "
        "lie below 0.31, about 5 % of 47 robust ones below {limit} (RobustBench Linf, ResNet and "
        "WRN, 32x32). This is an association, and the separation vanishes on ImageNet.",
        remedy="None for the filters themselves. If the attacks break the model, train it "
        "adversarially.",
    ),
)

ANALYZER: Final = Analyzer(
    Description(
        id="structure.filters",
        version="3",
        title="Filters",
        summary="Variety, sparsity and alignment of the convolution kernels, from weights alone.",
        reference="Gavrikov and Keuper 2022, arXiv:2204.02481",
        schema={"type": "object", "properties": {}, "additionalProperties": False},
        metrics=METRICS,
        findings=FINDINGS,
    ),
    plan,
    merge,
    "analyzers.structure.filters:measure",
)
