"""Where each of our parameters stands in the published checkpoints: one table per file.

A row holds a pattern for our parameter (`part/path`, matched whole), the template of the
checkpoint's key, and the transform from PyTorch's axis order to ours. Keys that match a
table's `ignored` pattern are known and not needed; any other key left over is an error.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]


def keep(x: np.ndarray) -> np.ndarray:
    """Vectors and tables, as they are."""
    return x


def linear(x: np.ndarray) -> np.ndarray:
    """Linear weight [out, in] to kernel [in, out]."""
    return x.transpose(1, 0)


def conv2d(x: np.ndarray) -> np.ndarray:
    """Convolution weight [out, in, h, w] to kernel [h, w, in, out]."""
    return x.transpose(2, 3, 1, 0)


def patches(x: np.ndarray) -> np.ndarray:
    """Convolution weight [out, in, t, h, w] to kernel [t * h * w * in, out] of a linear map on flattened patches."""
    return x.transpose(2, 3, 4, 1, 0).reshape(-1, len(x))


def pointwise(x: np.ndarray) -> np.ndarray:
    """1x1x1 convolution weight [out, in, 1, 1, 1] to kernel [in, out]."""
    return x.transpose(2, 3, 4, 1, 0).reshape(x.shape[1], x.shape[0])


def context(x: np.ndarray) -> np.ndarray:
    """The context vector [1, 1, width] to [width]."""
    return x[0, 0]


class Row(NamedTuple):
    """One line of a table: our name (a regular expression), the checkpoint's key (its template), the transform."""

    ours: str
    theirs: str
    transform: Transform = keep


class Table(NamedTuple):
    """All rows of one checkpoint file, and the pattern of the keys in it that are not needed."""

    rows: tuple[Row, ...]
    ignored: str


def fastvqa(backbone: str, head: str) -> Table:
    """FAST-VQA's backbone and head, under the two prefixes that the file at hand gives them."""
    block, layer = r"swin/stages/(\d+)/(\d+)", rf"{backbone}.layers.\1.blocks.\2"
    downsample = rf"{backbone}.layers.\1.downsample"
    rows = (
        Row(r"swin/patch_embed/kernel", f"{backbone}.patch_embed.proj.weight", patches),
        Row(r"swin/patch_embed/bias", f"{backbone}.patch_embed.proj.bias"),
        Row(r"swin/patch_norm/scale", f"{backbone}.patch_embed.norm.weight"),
        Row(r"swin/patch_norm/bias", f"{backbone}.patch_embed.norm.bias"),
        Row(rf"{block}/(norm\d)/scale", rf"{layer}.\3.weight"),
        Row(rf"{block}/(norm\d)/bias", rf"{layer}.\3.bias"),
        Row(rf"{block}/attention/(qkv|proj)/kernel", rf"{layer}.attn.\3.weight", linear),
        Row(rf"{block}/attention/(qkv|proj)/bias", rf"{layer}.attn.\3.bias"),
        Row(rf"{block}/attention/(relative|fragment)_bias", rf"{layer}.attn.\3_position_bias_table"),
        Row(rf"{block}/(fc\d)/kernel", rf"{layer}.mlp.\3.weight", linear),
        Row(rf"{block}/(fc\d)/bias", rf"{layer}.mlp.\3.bias"),
        Row(r"swin/merges/(\d+)/norm/scale", f"{downsample}.norm.weight"),
        Row(r"swin/merges/(\d+)/norm/bias", f"{downsample}.norm.bias"),
        Row(r"swin/merges/(\d+)/reduction/kernel", f"{downsample}.reduction.weight", linear),
        Row(r"swin/norm/scale", f"{backbone}.norm.weight"),
        Row(r"swin/norm/bias", f"{backbone}.norm.bias"),
        Row(r"fastvqa_head/(fc_hid|fc_last)/kernel", rf"{head}.\1.weight", pointwise),
        Row(r"fastvqa_head/(fc_hid|fc_last)/bias", rf"{head}.\1.bias"),
    )
    # The index follows from the window size; DOVER's aesthetic branch is not part of MaxVQA.
    return Table(rows, r".*\.relative_position_index|aesthetic_(backbone|head)\..*")


def video_swin() -> Table:
    """Video Swin's release, trained on Kinetics: without fragments, so that both bias tables start from its one."""
    rows = []
    for row in fastvqa("backbone", "none").rows:
        if row.ours.endswith("(relative|fragment)_bias"):
            row = row._replace(theirs=row.theirs.replace(r"\3_", "relative_"))
        if not row.ours.startswith("fastvqa_head"):
            rows.append(row)
    return Table(tuple(rows), r".*\.relative_position_index|cls_head\..*")


def batch_norm(ours: str, theirs: str) -> tuple[Row, ...]:
    """The four vectors of a BatchNorm with running statistics."""
    names = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
    return tuple(Row(f"{ours}/{mine}", f"{theirs}.{its}") for mine, its in names.items())


def clip() -> Table:
    """CLIP's ResNet and text transformer; the published file counts stem and stages from 1, we from 0."""
    rows = []
    for i in range(3):
        rows.append(Row(rf"clip_visual/stem/{i}/conv/kernel", f"visual.conv{i + 1}.weight", conv2d))
        rows.extend(batch_norm(rf"clip_visual/stem/{i}/norm", f"visual.bn{i + 1}"))
    for i in range(4):
        ours, theirs = rf"clip_visual/stages/{i}/(\d+)", rf"visual.layer{i + 1}.\1"
        rows.append(Row(rf"{ours}/conv(\d)/conv/kernel", rf"{theirs}.conv\2.weight", conv2d))
        rows.extend(batch_norm(rf"{ours}/conv(\d)/norm", rf"{theirs}.bn\2"))
        rows.append(Row(rf"{ours}/shortcut/conv/kernel", f"{theirs}.downsample.0.weight", conv2d))
        rows.extend(batch_norm(rf"{ours}/shortcut/norm", f"{theirs}.downsample.1"))
    ours, theirs = r"clip_text/blocks/(\d+)", r"transformer.resblocks.\1"
    rows += [
        Row(r"clip_visual/pool/positions", "visual.attnpool.positional_embedding"),
        Row(r"clip_visual/pool/([qkvc])/kernel", r"visual.attnpool.\1_proj.weight", linear),
        Row(r"clip_visual/pool/([qkvc])/bias", r"visual.attnpool.\1_proj.bias"),
        Row(r"clip_text/embedding/embedding", "token_embedding.weight"),
        Row(r"clip_text/positions", "positional_embedding"),
        Row(rf"{ours}/norm(\d)/scale", rf"{theirs}.ln_\2.weight"),
        Row(rf"{ours}/norm(\d)/bias", rf"{theirs}.ln_\2.bias"),
        Row(rf"{ours}/qkv/kernel", f"{theirs}.attn.in_proj_weight", linear),
        Row(rf"{ours}/qkv/bias", f"{theirs}.attn.in_proj_bias"),
        Row(rf"{ours}/proj/kernel", f"{theirs}.attn.out_proj.weight", linear),
        Row(rf"{ours}/proj/bias", f"{theirs}.attn.out_proj.bias"),
        Row(rf"{ours}/fc1/kernel", f"{theirs}.mlp.c_fc.weight", linear),
        Row(rf"{ours}/fc1/bias", f"{theirs}.mlp.c_fc.bias"),
        Row(rf"{ours}/fc2/kernel", f"{theirs}.mlp.c_proj.weight", linear),
        Row(rf"{ours}/fc2/bias", f"{theirs}.mlp.c_proj.bias"),
        Row(r"clip_text/norm/scale", "ln_final.weight"),
        Row(r"clip_text/norm/bias", "ln_final.bias"),
        Row(r"clip_text/projection/kernel", "text_projection"),
    ]
    return Table(tuple(rows), r"logit_scale|input_resolution|context_length|vocab_size|visual\..*\.num_batches_tracked")


def maxvqa(deep: bool) -> Table:
    """MaxVQA's context vector and fusion MLP; its prefix and suffix repeat CLIP's token embeddings."""
    layers = ("model.0", "model.3", "model.6", "model.9") if deep else ("in_ln", "out_ln")
    rows = (
        Row(r"maxvqa/context", "ctx", context),
        *(Row(f"maxvqa/layers/{i}/kernel", f"implicit_mlp.{layer}.weight", linear) for i, layer in enumerate(layers)),
    )
    return Table(rows, r"prefix|suffix")
