"""Evaluation sets."""

from __future__ import annotations

import re
from dataclasses import replace

from analyzers.contract import DataFacts, Rows
from assay.v1 import eval_set_service_pb2
from service.errors import Code
from service.intake.reading import Reading
from service.rpc import names
from service.rpc.pages import seal, unseal
from service.rpc.ports import EvalSetView, ListQuery, NewEvalSet, Page
from service.wire.blobs import file_from_pb, file_to_pb
from service.wire.fields import checked_name, checked_request_id, checked_text, invalid
from service.wire.lists import query_from_pb
from service.wire.problems import problem_if_set, problem_to_pb
from service.wire.structures import time_from_pb, time_to_pb
from service.wire.words import CHANNEL_ORDERS, LAYOUTS, PIXEL_RANGES, STATES


def slice_to_pb(rows: Rows | None) -> str:
    """Rows as text; none is all of them."""
    return "" if rows is None else f"{rows[0]}:{rows[1]}"


def slice_from_pb(text: str) -> Rows | None:
    """``low:high``, counted from 0, high excluded."""
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,15}):([0-9]{1,15})", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise invalid(
            "slice", f"is {text[:60]!r}, not rows low:high such as 0:500", Code.DATA_SLICE_INVALID
        )
    return int(found[1]), int(found[2])


def reading_to_pb(reading: Reading) -> eval_set_service_pb2.Reading:
    """How a file is to be read; what is to be found out is left unspecified."""
    return eval_set_service_pb2.Reading(
        layout=LAYOUTS.to_pb(None if reading.layout == "auto" else reading.layout),
        channels=CHANNEL_ORDERS.to_pb(reading.channels),
        pixels=PIXEL_RANGES.to_pb(None if reading.pixels == "auto" else reading.pixels),
        cues=reading.cues,
    )


def reading_from_pb(message: eval_set_service_pb2.Reading) -> Reading:
    """How a file is to be read; absent is the usual way."""
    return Reading(
        layout=LAYOUTS.if_set(message.layout, "reading.layout") or "auto",
        channels=CHANNEL_ORDERS.if_set(message.channels, "reading.channels") or "rgb",
        pixels=PIXEL_RANGES.if_set(message.pixels, "reading.pixels") or "auto",
        cues=message.cues,
    )


def data_facts_to_pb(facts: DataFacts) -> eval_set_service_pb2.DataFacts:
    """What is known of an evaluation set."""
    return eval_set_service_pb2.DataFacts(
        digest=facts.digest, n=facts.n, classes=facts.classes, eight_bit=facts.eight_bit
    )


def data_facts_from_pb(message: eval_set_service_pb2.DataFacts) -> DataFacts:
    """What is known of an evaluation set."""
    return DataFacts(message.digest, message.n, message.classes, message.eight_bit)


def new_eval_set_to_pb(request: NewEvalSet) -> eval_set_service_pb2.CreateEvalSetRequest:
    """A wish for an evaluation set."""
    return eval_set_service_pb2.CreateEvalSetRequest(
        parent=names.parent_of(request.project),
        request_id=request.request_id,
        eval_set=eval_set_service_pb2.EvalSet(
            file=file_to_pb(request.file),
            slice=slice_to_pb(request.rows),
            reading=reading_to_pb(request.reading),
            withheld=request.withheld,
            display_name=request.display_name,
        ),
    )


def new_eval_set_from_pb(request: eval_set_service_pb2.CreateEvalSetRequest) -> NewEvalSet:
    """A wish for an evaluation set."""
    return NewEvalSet(
        project=names.project_of(request.parent),
        request_id=checked_request_id(request.request_id),
        file=file_from_pb(request.eval_set.file, "eval_set.file"),
        rows=slice_from_pb(request.eval_set.slice),
        reading=reading_from_pb(request.eval_set.reading),
        withheld=request.eval_set.withheld,
        display_name=checked_text(request.eval_set.display_name, "eval_set.display_name"),
    )


def eval_set_to_pb(view: EvalSetView) -> eval_set_service_pb2.EvalSet:
    """An evaluation set as it stands."""
    return eval_set_service_pb2.EvalSet(
        name=view.name,
        file=file_to_pb(view.file),
        slice=slice_to_pb(view.rows),
        reading=reading_to_pb(view.reading),
        withheld=view.withheld,
        display_name=view.display_name,
        format=view.format,
        facts=view.facts and data_facts_to_pb(view.facts),
        state=STATES.to_pb(view.state),
        error=view.problem and problem_to_pb(view.problem),
        create_time=time_to_pb(view.created),
        end_time=time_to_pb(view.ended),
    )


def eval_set_from_pb(message: eval_set_service_pb2.EvalSet) -> EvalSetView:
    """An evaluation set as it stands."""
    return EvalSetView(
        name=checked_name(message.name, "evalSets"),
        file=file_from_pb(message.file, "file"),
        rows=slice_from_pb(message.slice),
        reading=reading_from_pb(message.reading),
        withheld=message.withheld,
        display_name=message.display_name,
        format=message.format,
        facts=data_facts_from_pb(message.facts) if message.HasField("facts") else None,
        state=STATES.from_pb(message.state, "state"),
        problem=problem_if_set(message),
        created=time_from_pb(message.create_time),
        ended=time_from_pb(message.end_time) if message.HasField("end_time") else None,
    )


def eval_sets_query_to_pb(query: ListQuery) -> eval_set_service_pb2.ListEvalSetsRequest:
    """A page asked for; ``after`` is the token of the page before."""
    return eval_set_service_pb2.ListEvalSetsRequest(
        parent=names.parent_of(query.project), page_size=query.limit, page_token=query.after
    )


def eval_sets_query_from_pb(request: eval_set_service_pb2.ListEvalSetsRequest) -> ListQuery:
    """A page asked for; ``after`` is the port's own cursor."""
    query = query_from_pb(request)
    return replace(query, after=unseal(request.page_token, "evalSets", query))


def eval_sets_to_pb(
    page: Page[EvalSetView], query: ListQuery
) -> eval_set_service_pb2.ListEvalSetsResponse:
    """A page of evaluation sets."""
    return eval_set_service_pb2.ListEvalSetsResponse(
        eval_sets=[eval_set_to_pb(view) for view in page.items],
        next_page_token=seal(page.after, "evalSets", query),
    )


def eval_sets_from_pb(message: eval_set_service_pb2.ListEvalSetsResponse) -> Page[EvalSetView]:
    """A page of evaluation sets; ``after`` is a token."""
    return Page([eval_set_from_pb(item) for item in message.eval_sets], message.next_page_token)
