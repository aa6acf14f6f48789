"""The operators out of which image classifiers are made; a format that can do more stops here.

A list of what is wanted rather than of what is feared: new operators that read files or start
programs may appear with every release, and none of them gets in by itself.
"""

from typing import Final

_ARITHMETIC = """
abs absolute add addcdiv addcmul atan atan2 bitwise_and bitwise_not bitwise_or ceil clamp clamp_max
clamp_min clip copysign cos cosh div divide eq erf erfc exp exp2 expm1 floor floor_divide fmax fmin
fmod frac ge gt isfinite isinf isnan le lerp log log10 log1p log2 logaddexp logical_and logical_not
logical_or logical_xor lt maximum minimum mul multiply nan_to_num ne neg negative pow reciprocal
remainder round rsqrt rsub sign sin sinh sqrt square sub subtract tan tanh true_divide trunc where
masked_fill __and__ __or__
"""
_ACTIVATIONS = """
_log_softmax _prelu_kernel _safe_softmax _softmax celu elu gelu glu hardshrink hardsigmoid hardswish
hardtanh leaky_relu log_sigmoid log_softmax mish prelu relu relu6 selu sigmoid silu softmax softplus
softshrink special_expit special_log_softmax special_softmax threshold
"""
_LAYERS = """
_convolution _convolution_mode _native_batch_norm_legit _native_batch_norm_legit_no_training
_scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu _weight_norm
_weight_norm_interface _native_multi_head_attention adaptive_avg_pool1d adaptive_avg_pool2d
adaptive_max_pool1d adaptive_max_pool2d _adaptive_avg_pool2d addbmm addmm addmv alpha_dropout
avg_pool1d avg_pool2d baddbmm batch_norm bilinear bmm conv1d conv2d conv3d conv_transpose1d
conv_transpose2d convolution dot dropout einsum embedding feature_dropout group_norm instance_norm
layer_norm linear matmul max_pool1d max_pool2d max_pool2d_with_indices mm mv native_batch_norm
native_dropout native_group_norm native_layer_norm outer rms_norm scaled_dot_product_attention
tensordot
"""
_REDUCTIONS = """
all amax amin any argmax argmin argsort cumprod cumsum frobenius_norm linalg_norm
linalg_vector_norm logsumexp max mean min norm prod sort std std_mean sum topk var var_mean
"""
_SHAPES = """
_reshape_alias _shape_as_tensor _unsafe_view alias as_strided broadcast_tensors broadcast_to cat
channel_shuffle chunk clone col2im concat concatenate constant_pad_nd contiguous copy detach diag
diag_embed diagonal dim expand expand_as flatten flip gather im2col index index_add index_copy
index_put index_select lift lift_fresh lift_fresh_copy masked_select movedim narrow
native_channel_shuffle numel one_hot pad permute pixel_shuffle pixel_unshuffle reflection_pad1d
reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d reshape reshape_as
resolve_conj resolve_neg roll rot90 scatter scatter_add select select_scatter size slice
slice_scatter split split_with_sizes squeeze stack sym_numel sym_size sym_storage_offset sym_stride
swapaxes t take_along_dim tensor_split tile transpose tril triu type_as unbind unflatten unfold
unsqueeze view view_as _upsample_nearest_exact2d _upsample_bicubic2d_aa _upsample_bilinear2d_aa
affine_grid_generator grid_sampler grid_sampler_2d upsample_bicubic2d upsample_bilinear2d
upsample_nearest2d
"""
_MAKING = """
_to_copy arange empty empty_like empty_strided eye fill full full_like linspace new_empty new_full
new_ones new_zeros ones ones_like scalar_tensor to zero zeros zeros_like
"""
_ASSERTIONS = """
_assert_async _assert_scalar _assert_tensor_metadata item sym_constrain_range
sym_constrain_range_for_size
"""
NAMES: Final = frozenset(
    " ".join(
        (_ARITHMETIC, _ACTIVATIONS, _LAYERS, _REDUCTIONS, _SHAPES, _MAKING, _ASSERTIONS)
    ).split()
)


def known(name: str) -> bool:
    """Whether an operator of the name is one that classifiers use, written in place or not."""
    return name in NAMES or (name.endswith("_") and name[:-1] in NAMES)
