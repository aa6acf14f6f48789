"""A model and a set that do not belong together are told so before anything runs."""

import pytest

from analyzers.contract import DataFacts, InputSpec, SubjectFacts
from service.errors import AssayError, Code
from service.intake.fit import check_fit, check_input_spec
from service.intake.models import Canonical
from service.intake.subject import input_spec_of, subject_of

SUBJECT = SubjectFacts("0" * 64, 10, (3, 32, 32))
CANONICAL = Canonical(
    "c" * 64,
    {
        "shape": [3, 32, 32],
        "layout": "nchw",
        "either_layout": False,
        "dtype": "float32",
        "scale": 1.0,
        "mean": [],
        "std": [],
        "axes": [],
        "twin": "",
        "upload": "f" * 64,
        "upload_batch": "free",
        "output_name": "y",
        "classes": 10,
        "batch": "free",
        "gradient_gap": "",
        "bn_folded": "no",
        "parameters": 5,
    },
)


def data(classes: int) -> DataFacts:
    """Facts of a set with so many classes."""
    return DataFacts("d" * 64, 100, classes, eight_bit=True)


def test_matching_pair_is_fine() -> None:
    """Fewer classes in the set than outputs of the model is no mistake."""
    check_fit(SUBJECT, data(10), [3, 32, 32])
    check_fit(SUBJECT, data(4), [3, 32, 32])


def test_labels_beyond_the_outputs() -> None:
    """A label that the model cannot say is LABELS_OUT_OF_RANGE."""
    with pytest.raises(AssayError, match="10 outputs") as caught:
        check_fit(SUBJECT, data(11), [3, 32, 32])
    assert caught.value.code is Code.LABELS_OUT_OF_RANGE


def test_other_shape() -> None:
    """Grey pictures for a colour model are IMAGE_SHAPE_MISMATCH, in words."""
    with pytest.raises(AssayError, match="28x28 with 1 channel") as caught:
        check_fit(SUBJECT, data(10), [1, 28, 28])
    assert caught.value.code is Code.IMAGE_SHAPE_MISMATCH


@pytest.mark.parametrize(
    "spec",
    [
        InputSpec(mean=(0.5, 0.5), std=(1.0, 1.0)),
        InputSpec(mean=(0.5,), std=(0.0,)),
        InputSpec(scale=0.0),
    ],
)
def test_impossible_normalisation(spec: InputSpec) -> None:
    """Wrong channel count, zero deviation and zero scale are refused."""
    with pytest.raises(AssayError) as caught:
        check_input_spec(spec, 3)
    assert caught.value.code is Code.PREPROCESSING_INVALID


def test_subject_digest_covers_the_preprocessing() -> None:
    """One file under two normalisations is two subjects."""
    plain = subject_of(CANONICAL, InputSpec())
    scaled = subject_of(CANONICAL, InputSpec(scale=255.0))
    assert plain.digest != scaled.digest
    assert subject_of(CANONICAL, InputSpec()) == plain


def test_layout_must_agree_with_the_file() -> None:
    """A wrong layout is named with the right one, and never applied silently."""
    with pytest.raises(AssayError, match="NCHW") as caught:
        subject_of(CANONICAL, InputSpec(layout="nhwc"))
    assert "--layout nchw" in caught.value.remedy


def test_subject_digest_covers_the_uploaded_file() -> None:
    """Two uploads of one graph are two subjects: what one answered is not the other's word."""
    other = Canonical(CANONICAL.digest, {**CANONICAL.facts, "upload": "e" * 64})
    assert subject_of(CANONICAL, InputSpec()).digest != subject_of(other, InputSpec()).digest


def test_bytes_take_no_normalisation() -> None:
    """A model of whole numbers is fed with its own range, and nothing may be declared beside."""
    bytes_in = Canonical(CANONICAL.digest, {**CANONICAL.facts, "dtype": "uint8", "scale": 255.0})
    assert input_spec_of(bytes_in, InputSpec()).scale == 255.0
    with pytest.raises(AssayError, match="whole numbers") as caught:
        input_spec_of(bytes_in, InputSpec(mean=(0.5,) * 3, std=(0.2,) * 3))
    assert caught.value.code is Code.PREPROCESSING_INVALID
