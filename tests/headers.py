"""Headers of real streams: as FFmpeg reads them, as we do, and mutated."""

import math
import re

import av
import av.logging
import numpy as np
from av.bitstream import BitStreamFilterContext
from clips import moving_clip

from jaxvqa.video.bits import HeaderError
from jaxvqa.video.coding import HEADERS
from jaxvqa.video.decode import open_container

FIELD = re.compile(r"\d+\s+(\w+)(?:\[\d+\])*\s+[01]+ = (-?\d+)")
PARAMETERS = ("pic_parameter_set_id", "pps_pic_parameter_set_id", "slice_pic_parameter_set_id")


def packets(path):
    """FFmpeg's name of a file's codec, what the container says of it, and its packets."""
    with open_container(path) as container:
        context = container.streams.video[0].codec_context
        data = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        return context.codec.canonical_name, context.extradata or b"", data


def read(path):
    """The quantizer of each packet as we read it; NaN where nothing tells it."""
    codec, extradata, data = packets(path)
    reader = HEADERS[codec](extradata)
    return [quantizer_of(reader, packet) for packet in data]


def quantizer_of(reader, packet):
    """The quantizer of a packet; NaN if its header cannot be read."""
    try:
        return reader.packet(packet)
    except HeaderError:
        return math.nan


def traced(path):
    """The quantizers that FFmpeg's filter `trace_headers` reads in each packet, and whether it shows an earlier frame.

    Of H.264 and HEVC those of slices, of AV1 those of all frames.
    """
    level, start, number = av.logging.get_level(), {}, 0
    av.logging.set_level(av.logging.INFO)
    found = []

    def fields(logs):
        nonlocal number
        for name, value in (match.groups() for _, _, text in logs if (match := FIELD.match(text))):
            if name in PARAMETERS:
                number = int(value)
            elif name in ("pic_init_qp_minus26", "init_qp_minus26"):
                start[number] = 26 + int(value)
            elif name == "slice_qp_delta":
                yield start[number] + int(value)
            elif name == "base_q_idx":
                yield int(value)
            elif (name, value) == ("show_existing_frame", "1"):
                yield "existing"

    try:
        with open_container(path) as container:
            stream = container.streams.video[0]
            with av.logging.Capture() as logs:
                trace = BitStreamFilterContext("trace_headers", stream)
            list(fields(logs))
            for packet in container.demux(stream):
                if packet.size:
                    with av.logging.Capture() as logs:
                        trace.filter(packet)
                    found.append(list(fields(logs)))
    finally:
        av.logging.set_level(level)
    return found


def check_slices(path):
    """Makes sure that the mean quantizer of slices is what FFmpeg reads, in every packet; gives the means."""
    expected = [float(np.mean(quantizers)) for quantizers in traced(path)]
    assert expected
    assert read(path) == expected
    return expected


def check_mutants(tmp_path, codec, lowest, highest, count=3000, **options):
    """Makes sure that mutated packets of a clip give a quantizer of the codec, or a HeaderError, and nothing else.

    Most bits that are turned over are in headers, which stand at the beginning; where a packet breaks off within the
    header of its only slice, there is no number at all.
    """
    path = moving_clip(tmp_path / "mutants.mkv", 8, 64, 96, codec=codec, **options)
    name, extradata, data = packets(path)
    generator, errors = np.random.default_rng(0), 0
    for _ in range(count):
        mutants = [bytearray(part[:200]) for part in (extradata, *data)]
        for mutant in mutants:
            for _ in range(generator.integers(0, 3)):
                if mutant:
                    mutant[int(len(mutant) * generator.random() ** 2)] ^= 1 << int(generator.integers(8))
            del mutant[len(mutant) - int(generator.integers(0, 40)) * int(generator.integers(0, 2)) :]
        reader = HEADERS[name](bytes(mutants[0]))
        found = [quantizer_of(reader, bytes(mutant)) for mutant in mutants[1:]]
        errors += sum(map(math.isnan, found))
        assert all(math.isnan(quantizer) or lowest <= quantizer <= highest for quantizer in found)
    assert 0.1 < errors / (count * len(data)) < 1


def check_cut(codec, extradata, packet):
    """Makes sure that a packet that breaks off anywhere gives its quantizer or none, and none near its beginning."""
    whole = HEADERS[codec](extradata).packet(packet)
    found = [quantizer_of(HEADERS[codec](extradata), packet[:end]) for end in range(len(packet))]
    assert all(quantizer == whole or math.isnan(quantizer) for quantizer in found)
    assert all(map(math.isnan, found[:4]))
