"""Scaled dot-product attention and rotary positions."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from analyzers.engines.operators.call import Call, Rule

_FLAT = 3
"""Axes where the heads lie side by side in the last one."""


def _heads(values: Tensor, count: int) -> Tensor:
    if values.ndim != _FLAT:
        return values
    return values.reshape(*values.shape[:2], count, -1).transpose(1, 2)


def _attention(call: Call) -> tuple[Tensor, ...]:
    flat = call.tensor(0).ndim == _FLAT
    query = _heads(call.tensor(0), call.count("q_num_heads", 1))
    key, value = (_heads(call.tensor(at), call.count("kv_num_heads", 1)) for at in (1, 2))
    past_key, past_value = call.optional(4), call.optional(5)
    if past_key is not None and past_value is not None:
        key, value = torch.cat([past_key, key], 2), torch.cat([past_value, value], 2)
    groups = query.shape[1] // key.shape[1]
    product = _product(call, query, key.repeat_interleave(groups, 1))
    capped = _capped(call, product)
    biased = capped + _bias(call, query, key)
    shares = _shares(biased)
    found = shares @ value.repeat_interleave(groups, 1)
    if flat:
        found = found.transpose(1, 2).flatten(2)
    shown = (product, capped, biased, shares)[call.count("qk_matmul_output_mode", 0)]
    return found, key, value, shown


def _product(call: Call, query: Tensor, key: Tensor) -> Tensor:
    root = math.sqrt(call.number("scale", 1 / math.sqrt(query.shape[-1])))
    return (query * root) @ (key * root).transpose(-1, -2)


def _capped(call: Call, product: Tensor) -> Tensor:
    limit = call.number("softcap", 0.0)
    return limit * torch.tanh(product / limit) if limit > 0 else product


def _shares(scores: Tensor) -> Tensor:
    """The softmax; a query that may look at nothing gets nothing, and a slope of zero."""
    nothing = (scores == -math.inf).all(-1, keepdim=True)
    return torch.where(nothing, 0.0, torch.softmax(torch.where(nothing, 0.0, scores), -1))


def _bias(call: Call, query: Tensor, key: Tensor) -> Tensor:
    """What is added to the scores: the mask, and minus infinity where a key is out of sight."""
    rows, columns = query.shape[2], key.shape[2]
    places = torch.arange(columns, device=query.device)
    ahead = places - torch.arange(rows, device=query.device)[:, None] - _offset(call, rows, query)
    seen = torch.ones_like(ahead, dtype=torch.bool)
    if call.count("is_causal", 0):
        seen &= ahead <= 0
    left, right = call.count("left_window_size", -1), call.count("right_window_size", -1)
    if left >= 0:
        seen &= -ahead <= left
    if right >= 0:
        seen &= ahead <= right
    filled = call.optional(6)
    if filled is not None:
        seen = seen & (places < filled.to(query.device).reshape(-1, 1, 1, 1))
    bias = torch.zeros(seen.shape, dtype=query.dtype, device=query.device)
    return _with_mask(call, bias.masked_fill(~seen, -math.inf), columns)


def _offset(call: Call, rows: int, query: Tensor) -> Tensor:
    """How many keys came before the first query."""
    past, filled = call.optional(4), call.optional(6)
    if past is None and filled is not None:
        return (filled.to(query.device) - rows).reshape(-1, 1, 1, 1)
    return torch.tensor(0 if past is None else past.shape[2], device=query.device)


def _with_mask(call: Call, bias: Tensor, columns: int) -> Tensor:
    mask = call.optional(3)
    if mask is None:
        return bias
    mask = mask.to(bias.device)
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=bias.dtype).masked_fill(~mask, -math.inf)
    missing = columns - mask.shape[-1]
    return bias + torch.nn.functional.pad(mask, [0, missing], value=-math.inf)


def _rotary_embedding(call: Call) -> Tensor:
    """Pairs of features turned by an angle that grows with the position (Su et al. 2021)."""
    values = call.tensor(0)
    flat = values.ndim == _FLAT
    rows = _side_by_side(call, values) if flat else values.transpose(1, 2)
    cosine, sine = (_angles(call, at, values) for at in (1, 2))
    width = call.count("rotary_embedding_dim", 0) or rows.shape[-1]
    turned = _turned(call, rows[..., :width], cosine, sine)
    found = torch.cat([turned, rows[..., width:]], -1)
    return found.reshape(values.shape) if flat else found.transpose(1, 2)


def _angles(call: Call, at: int, values: Tensor) -> Tensor:
    """Cosine or sine of every position, the same for all heads."""
    table, positions = call.tensor(at).to(values.device), call.optional(3)
    if positions is not None:
        table = table[positions.long().to(values.device)]
    return table.unsqueeze(2)


def _turned(call: Call, rows: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    interleaved = bool(call.count("interleaved", 0))
    half = rows.shape[-1] // 2
    first = rows[..., 0::2] if interleaved else rows[..., :half]
    second = rows[..., 1::2] if interleaved else rows[..., half:]
    pair = (cosine * first - sine * second, sine * first + cosine * second)
    return torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1)


def _side_by_side(call: Call, values: Tensor) -> Tensor:
    return values.reshape(*values.shape[:2], call.count("num_heads", 1), -1)


RULES: Mapping[str, Rule] = {"Attention": _attention, "RotaryEmbedding": _rotary_embedding}
