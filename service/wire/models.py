"""Models."""

from __future__ import annotations

import math
from dataclasses import replace

from analyzers.contract import InputSpec, SubjectFacts
from assay.v1 import common_pb2, model_service_pb2
from service.errors import Code
from service.rpc import names
from service.rpc.pages import seal, unseal
from service.rpc.ports import ListQuery, ModelView, NewModel, Page
from service.wire.blobs import file_from_pb, file_to_pb
from service.wire.fields import checked_name, checked_request_id, checked_text, invalid
from service.wire.lists import query_from_pb
from service.wire.problems import problem_if_set, problem_to_pb
from service.wire.structures import time_from_pb, time_to_pb
from service.wire.words import BATCH_MODES, ELEMENT_TYPES, FOLDINGS, LAYOUTS, STATES


def input_spec_to_pb(spec: InputSpec) -> common_pb2.InputSpec:
    """The map from pixels to a model's input."""
    return common_pb2.InputSpec(
        layout=LAYOUTS.to_pb(spec.layout),
        scale=spec.scale,
        mean=spec.mean,
        std=spec.std,
        element_type=ELEMENT_TYPES.to_pb(spec.dtype),
        axes=spec.axes,
    )


def input_spec_from_pb(message: common_pb2.InputSpec) -> InputSpec:
    """The map from pixels to a model's input; what is absent is the identity."""
    spec = InputSpec(
        layout=LAYOUTS.if_set(message.layout, "input_spec.layout") or "nchw",
        scale=message.scale if message.HasField("scale") else 1.0,
        mean=tuple(message.mean),
        std=tuple(message.std),
        dtype=ELEMENT_TYPES.if_set(message.element_type, "input_spec.element_type") or "float32",
        axes=tuple(message.axes),
    )
    finite = all(math.isfinite(value) for value in (spec.scale, *spec.mean, *spec.std))
    positive = spec.scale > 0 and all(value > 0 for value in spec.std)
    if not finite or not positive or len(spec.mean) != len(spec.std):
        raise invalid(
            "input_spec",
            "needs finite numbers, scale and std above 0, and as many of mean as of std",
            Code.PREPROCESSING_INVALID,
        )
    return spec


def subject_facts_to_pb(facts: SubjectFacts) -> model_service_pb2.SubjectFacts:
    """What is known of a model."""
    channels, height, width = facts.shape
    return model_service_pb2.SubjectFacts(
        digest=facts.digest,
        classes=facts.classes,
        channels=channels,
        height=height,
        width=width,
        batch=BATCH_MODES.to_pb(facts.batch),
        gradient_gap=facts.gradient_gap,
        bn_folded=FOLDINGS.to_pb(None if facts.bn_folded == "unknown" else facts.bn_folded),
        parameters=facts.parameters,
        twin=facts.twin,
        uploaded=facts.uploaded,
        source_weights=facts.source_weights,
        freed=facts.freed,
    )


def subject_facts_from_pb(message: model_service_pb2.SubjectFacts) -> SubjectFacts:
    """What is known of a model."""
    return SubjectFacts(
        digest=message.digest,
        classes=message.classes,
        shape=(message.channels, message.height, message.width),
        batch=BATCH_MODES.from_pb(message.batch, "facts.batch"),
        gradient_gap=message.gradient_gap,
        bn_folded=FOLDINGS.if_set(message.bn_folded, "facts.bn_folded") or "unknown",
        parameters=message.parameters,
        twin=message.twin,
        uploaded=message.uploaded,
        source_weights=message.source_weights,
        freed=message.freed,
    )


def new_model_to_pb(request: NewModel) -> model_service_pb2.CreateModelRequest:
    """A wish for a model."""
    return model_service_pb2.CreateModelRequest(
        parent=names.parent_of(request.project),
        request_id=request.request_id,
        model=model_service_pb2.Model(
            file=file_to_pb(request.file),
            display_name=request.display_name,
            format=request.format,
            architecture=request.architecture,
            output=request.output,
            input_spec=input_spec_to_pb(request.input_spec),
        ),
    )


def new_model_from_pb(request: model_service_pb2.CreateModelRequest) -> NewModel:
    """A wish for a model."""
    model = request.model
    return NewModel(
        project=names.project_of(request.parent),
        request_id=checked_request_id(request.request_id),
        file=file_from_pb(model.file, "model.file"),
        display_name=checked_text(model.display_name, "model.display_name"),
        format=checked_text(model.format, "model.format"),
        architecture=checked_text(model.architecture, "model.architecture"),
        output=checked_text(model.output, "model.output"),
        input_spec=input_spec_from_pb(model.input_spec),
    )


def model_to_pb(view: ModelView) -> model_service_pb2.Model:
    """A model as it stands."""
    return model_service_pb2.Model(
        name=view.name,
        file=file_to_pb(view.file),
        display_name=view.display_name,
        format=view.format,
        architecture=view.architecture,
        output=view.output,
        input_spec=input_spec_to_pb(view.input_spec),
        canonical_digest=view.canonical_digest,
        facts=view.facts and subject_facts_to_pb(view.facts),
        state=STATES.to_pb(view.state),
        error=view.problem and problem_to_pb(view.problem),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )


def model_from_pb(message: model_service_pb2.Model) -> ModelView:
    """A model as it stands."""
    return ModelView(
        name=checked_name(message.name, "models"),
        file=file_from_pb(message.file, "file"),
        display_name=message.display_name,
        format=message.format,
        architecture=message.architecture,
        output=message.output,
        input_spec=input_spec_from_pb(message.input_spec),
        canonical_digest=message.canonical_digest,
        facts=subject_facts_from_pb(message.facts) if message.HasField("facts") else None,
        state=STATES.from_pb(message.state, "state"),
        problem=problem_if_set(message),
        created=time_from_pb(message.create_time),
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


def models_query_to_pb(query: ListQuery) -> model_service_pb2.ListModelsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return model_service_pb2.ListModelsRequest(
        parent=names.parent_of(query.project), page_size=query.limit, page_token=query.after
    )


def models_query_from_pb(request: model_service_pb2.ListModelsRequest) -> ListQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    query = query_from_pb(request)
    return replace(query, after=unseal(request.page_token, "models", query))


def models_to_pb(page: Page[ModelView], query: ListQuery) -> model_service_pb2.ListModelsResponse:
    """A page of models."""
    return model_service_pb2.ListModelsResponse(
        models=[model_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "models", query),
    )


def models_from_pb(message: model_service_pb2.ListModelsResponse) -> Page[ModelView]:
    """A page of models; ``after`` is a token."""
    return Page([model_from_pb(model) for model in message.models], message.next_page_token)
