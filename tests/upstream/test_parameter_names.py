import numpy as np
from safetensors.numpy import load_file


def test_weights_directory_holds_what_the_checkpoints_hold(full_weights, standin):
    held = load_file(full_weights / "tensors.safetensors")
    dover, clip, maxvqa = standin("dover"), standin("clip_rn50"), standin("maxvqa")
    block = "technical_backbone.layers.2.blocks.5"
    for ours, theirs in (
        ("swin/stages/2/5/attention/qkv/kernel", dover[f"{block}.attn.qkv.weight"].T),
        ("swin/stages/2/5/attention/fragment_bias", dover[f"{block}.attn.fragment_position_bias_table"]),
        ("swin/merges/1/reduction/kernel", dover["technical_backbone.layers.1.downsample.reduction.weight"].T),
        ("fastvqa_head/fc_hid/kernel", dover["technical_head.fc_hid.weight"][..., 0, 0, 0].T),
        ("clip_visual/stem/2/norm/var", clip["visual.bn3.running_var"]),
        ("clip_visual/stages/3/0/shortcut/norm/mean", clip["visual.layer4.0.downsample.1.running_mean"]),
        ("clip_visual/stages/1/2/conv2/conv/kernel", clip["visual.layer2.2.conv2.weight"].transpose(2, 3, 1, 0)),
        ("clip_text/projection/kernel", clip["text_projection"]),
        ("maxvqa/context", maxvqa["ctx"][0, 0]),
        ("maxvqa/layers/1/kernel", maxvqa["implicit_mlp.out_ln.weight"].T),
    ):
        assert np.array_equal(held[ours], theirs), ours
