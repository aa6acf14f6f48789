"""One step of a program: a node of the graph, or what several nodes were fused into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import onnx
from onnx import helper
from torch import Tensor

from analyzers.contract import Refusal
from analyzers.engines.operators import HALVES, RULES, Call, NoRule, Rule


@dataclass(frozen=True)
class Step:
    """One node and its rule."""

    name: str
    operator: str
    rule: Rule
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, node: onnx.NodeProto) -> "Step":
        """The step of a node; one without a rule is refused by name."""
        rule = RULES.get(node.op_type)
        if rule is None:
            refuse(node.op_type, node.name)
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        outputs = list(node.output)
        return cls(node.name, node.op_type, rule, list(node.input), outputs, attributes)

    @property
    def halves(self) -> bool:
        """Whether it casts to half precision."""
        return self.operator == "Cast" and self.attributes["to"] in HALVES

    def answers(self, inputs: Sequence[Tensor | None], opset: int) -> Mapping[str, Tensor]:
        """What the rule makes of the inputs, by the names of the outputs."""
        outputs = self.outputs
        try:
            found = self.rule(Call(inputs, self.attributes, opset, outputs=len(outputs)))
        except NoRule as error:
            self.refuse(str(error))
        if isinstance(found, Tensor):
            found = (found,)
        if len(found) < len(outputs):
            self.refuse(f"output {len(found)}")
        return {name: one for name, one in zip(outputs, found, strict=False) if name}

    def refuse(self, detail: str) -> NoReturn:
        """This variant of the operator has no slope here."""
        refuse(self.operator, self.name, detail)


def refuse(operator: str, name: str, detail: str = "") -> NoReturn:
    """Gradients end here; the audit does not."""
    raise Refusal(
        "GRADIENT_UNAVAILABLE",
        f"op {operator[:60]} at {name[:80]}" + (f" ({detail[:120]})" if detail else ""),
        "Gradient attacks need operators with a slope; the model can still be audited without.",
    )
