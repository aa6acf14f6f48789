"""A subject answers as its file does, under the preprocessing that was declared for it."""

import numpy as np

from analyzers.contract import InputSpec
from analyzers.engines.forward import ForwardEngine
from analyzers.engines.subject import engine_facts
from support.graphs import noise, small_net, subject_of, unruled_net

SHAPE = (3, 8, 8)
SPEC = InputSpec("nchw", 1.0, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))


def test_prediction_applies_the_declared_preprocessing() -> None:
    """Logits are those of the file on preprocessed pixels; another map may be tried."""
    images, subject = noise(4, SHAPE), subject_of(small_net(shape=SHAPE), SPEC)
    engine = ForwardEngine(small_net(shape=SHAPE), 1, "free")
    assert np.allclose(subject.predict(images), engine.run(SPEC.apply(images)), atol=1e-5)
    assert np.allclose(subject.predict(images, InputSpec()), engine.run(images), atol=1e-5)
    assert subject.input_spec == SPEC


def test_both_engines_speak_of_the_same_model() -> None:
    """The gradient engine's logits are the prediction, to float32."""
    images, subject = noise(4, SHAPE), subject_of(small_net(shape=SHAPE), SPEC)
    assert subject.gradient is not None
    assert np.allclose(subject.gradient.logits(images), subject.predict(images), atol=1e-4)


def test_without_rules_there_is_no_gradient() -> None:
    """A gap in the rules leaves a model that predicts and has no gradient engine."""
    subject = subject_of(unruled_net(SHAPE))
    assert subject.gradient is None
    assert subject.facts.gradient_gap == "op Col2Im at Col2Im_0"
    assert np.isfinite(subject.predict(noise(2, SHAPE))).all()


def test_its_convolutions_are_those_of_the_file() -> None:
    """The weight lens reads the same file that is attacked."""
    (layer,) = subject_of(small_net(shape=SHAPE)).conv_weights().layers
    assert layer.weight.shape == (6, 3, 3, 3)


def test_the_engine_class_names_what_decides_results() -> None:
    """Device, instructions, type and library versions; no host, no threads."""
    found = engine_facts()
    assert set(found) == {"device", "instructions", "dtype", "torch", "onnxruntime"}
    assert (found["device"], found["dtype"]) == ("cpu", "float32")
    assert all(found[name].count(".") == 1 for name in ("torch", "onnxruntime"))
