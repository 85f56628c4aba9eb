"""The ladder task: several encodes of one video, and the cheapest of them that will do."""

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import ml_collections
import numpy as np
from rich.table import Column, Table
from rich.text import Text

from ..errors import UserError, VideoError
from ..evaluation.ladder import best, chances_worse, cheapest, content_correlations, on_hull, reversals
from ..evaluation.preference import Preference, preference_of
from ..explain.ladder import Encode, bit_rate, ladder_picture
from ..model import load
from ..results.rows import DISPLAY, Row, text_of
from ..results.schemas import LADDER
from ..results.store import Results
from ..scoring.videos import score_videos
from ..synthetic.vmaf import compare_files, installed_vmaf
from ..system.files import lock_folder, write_atomic
from ..system.terminal import Log, printable, table_console
from ..text.prompts import read_pairs
from ..video.decode import Video, open_video
from ..video.display import DisplayViews
from ..video.limits import DecodeLimits
from ..video.sampling import Sampling
from ..video.workers import decode_files
from ..weights.find import choose_weights
from ..weights.model_card import ModelCard, margin, scored
from . import inputs
from .output import print_custom, print_notes, tell_scored, write_config
from .score_output import PLAIN, below_one_folder, percent, print_legend

COLUMNS = [*LADDER]
MARKS = ("compared", "on_hull", "chosen", "chosen_of_size")
FORMATS = ("csv", "jsonl")
DOUBT = 0.25  # part of encodes that score lower than cheaper ones, from which scores do not follow quality
LONGER = 0.05  # part by which encodes of one video may differ in duration
ALIKE = 0.75  # correlation of small frames from which they show one video: 0.87 was found, and 0.63 of two videos


def run(config: ml_collections.ConfigDict) -> int:
    """Scores encodes of one video, and prints, writes and draws which is the cheapest that will do.

    Returns:
        Exit code: 0, or 1 if an encode could not be scored.

    Raises:
        UserError: the config names fewer than two encodes, or no usable weights.
    """
    sampling, limits, log = inputs.sampling(config), inputs.decode_limits(config), Log()
    custom = read_pairs(config.prompts)
    paths = inputs.find(config.videos, log)
    if len(paths) < 2:
        raise UserError(f"only one encode to choose from, {paths[0]}: give two or more of one video.")
    original = open_video(config.reference) if config.reference else None
    program = installed_vmaf() if original else ""
    model = load(choose_weights(config.weights, log), config.precision, custom)
    if not scored(model.card)[0]:
        raise UserError(f"weights {model.weights_id} do not score overall, which encodes are chosen by: use others.")
    with Results(config.output) as results:
        write_config(results.folder, config)
        done = score_videos(model, paths, sampling, limits, results, config.report)
    tell_scored(done.rows, done.kept, results, config.report, log)
    encodes = encode_rows(done.rows, model.card)
    compare_content(encodes, config.seed, limits, log)
    if original:
        add_vmaf(encodes, program, original, log)
    choose(encodes, preference_of(model.card, model.weights_id), config.confidence)
    said = answer(encodes, config.confidence)
    folder = Path(config.output)
    with lock_folder(folder):
        for form in FORMATS:
            write_atomic(folder / f"ladder.{form}", text_of(encodes, COLUMNS, form))
        draw(folder / "ladder.svg", encodes, said, model.card)
    if config.format == "table":
        print_ladder(encodes, said, model.card, config.legend and not config.quiet)
        print_custom(done.rows, custom, model.card)
        print_notes(done.rows)
    else:
        sys.stdout.write(text_of(encodes, COLUMNS, config.format))
    for each in encodes:
        if each["warning"]:
            log(f"warning: {each['name']} {each['warning']}")
    count = sum(each["compared"] for each in encodes)
    log(f"{count} of {len(encodes)} compared: {folder / 'ladder.csv'}, {folder / 'ladder.svg'}")
    return 1 if any(each["status"] != "ok" for each in encodes) else 0


def encode_rows(rows: Sequence[Row], card: ModelCard | None) -> list[Row]:
    """A row for each encode, cheapest first; last of all the encodes without a bit rate."""
    _, names = below_one_folder([row["path"] for row in rows])
    half = card.vmaf_interval if card else None
    encodes = []
    for row, name in zip(rows, names, strict=True):
        coding, frames, fps = row.get("coding") or {}, row.get("frames"), row.get("fps")
        encode = {column: row.get(column) for column in COLUMNS} | dict.fromkeys(MARKS, False)
        encode |= {"name": name, "warning": "", "codec": coding.get("codec")}
        encode |= {"bits_per_second": coding.get("bits_per_second") or None}
        encode |= {"seconds": round(frames / fps, 6) if frames and fps else None}
        if (score := row.get(DISPLAY[0])) is not None and half is not None:
            ends = np.clip([score - half / 100, score + half / 100], 0, 1).round(6).tolist()
            encode |= {"overall_display_low": ends[0], "overall_display_high": ends[1]}
        encodes.append(encode)
    return sorted(encodes, key=lambda each: (each["status"] != "ok", each["bits_per_second"] or np.inf, each["path"]))


def compare_content(encodes: Sequence[Row], seed: int, limits: DecodeLimits, log: Log) -> None:
    """Marks encodes that can be compared, and warns of the others: they last longer, or evidently show something else.

    They are measured by the encode that most of them resemble; of two, by the one of more bits.
    """
    there = [each for each in encodes[::-1] if each["status"] == "ok"]
    if not there:
        return
    decoded = decode_files([each["path"] for each in there], Sampling(seed, views="pieces"), limits)
    with log.progress("comparing content") as bar, closing(decoded):
        views = [one.views for one in bar.track(decoded, total=len(there))]
    alike = content_correlations([each.motion if isinstance(each, DisplayViews) else None for each in views])
    usual = int(np.nan_to_num(alike).mean(axis=1).argmax())
    for i, each in enumerate(there):
        name, seconds = there[usual]["name"], (each["seconds"], there[usual]["seconds"])
        copies = [other["name"] for other in there[:i] if other["sha256"] == each["sha256"]]
        if None not in seconds and abs(seconds[0] / seconds[1] - 1) > LONGER:
            each["warning"] = f"is left out: it lasts {seconds[0]:.2f} s, {name} {seconds[1]:.2f} s"
        elif alike[i, usual] < ALIKE:
            found = f"small frames correlate at {alike[i, usual]:.2f}"
            each["warning"] = f"is left out: it seems to show something else than {name} ({found})"
        elif each["bits_per_second"] is None:
            each["warning"] = "is left out: its bit rate is not known"
        elif copies:
            each["warning"] = f"has the same content as {copies[0]}, byte by byte"
        each["compared"] = not each["warning"].startswith("is left out")


def add_vmaf(encodes: Sequence[Row], program: str, original: Video, log: Log) -> None:
    """Adds the VMAF of the encodes that can be compared, by FFmpeg, and warns where there is none."""
    there, size = [each for each in encodes if each["compared"]], (original.width, original.height)
    with log.progress("comparing with the reference") as bar:
        for each in bar.track(there):
            try:
                each["vmaf"] = round(compare_files(program, each["path"], str(original.path), size), 6)
            except VideoError as error:
                log.warn(str(error))


def choose(encodes: Sequence[Row], preference: Preference, confidence: float) -> None:
    """Marks encodes on the hull, and the cheapest not visibly worse than the best, over all and by size."""
    there = [each for each in encodes if each["compared"]]
    if not there:
        return
    for each, hull, chance in zip(there, on_hull(*numbers(there)), chances_worse(there, preference), strict=True):
        each["on_hull"], each["chance_worse"] = bool(hull), None if np.isnan(chance) else round(float(chance), 6)
    for column, group in [("chosen", there), *(("chosen_of_size", group) for group in by_size(there).values())]:
        if (found := cheapest(*numbers(group), chances_worse(group, preference), confidence)) is not None:
            group[found][column] = True


def by_size(encodes: Sequence[Row]) -> dict[str, list[Row]]:
    """Encodes by their size in words, smallest first."""
    groups: dict[str, list[Row]] = {}
    for each in sorted(encodes, key=lambda each: (each["height"] * each["width"], each["height"])):
        groups.setdefault(size(each), []).append(each)
    return groups


def size(encode: Row) -> str:
    """Width and height, as they are shown."""
    return f"{encode['width']}x{encode['height']}"


def numbers(encodes: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Bit rates, and scores from 0 to 100."""
    rates, scores = (np.array([each[name] for each in encodes], float) for name in ("bits_per_second", DISPLAY[0]))
    return rates, 100 * scores


def answer(encodes: Sequence[Row], confidence: float) -> list[str]:
    """Which encode to take, overall and for each size, in sentences."""
    there = [each for each in encodes if each["compared"]]
    if len(there) < 2:
        return [f"Nothing to choose from: {len(there)} of {len(encodes)} encodes can be compared."]
    top = there[best(*numbers(there))]
    chosen = next((each for each in there if each["chosen"]), None)
    if chosen is None:
        said = [f"{told(top)} scores highest. These weights do not tell how likely others are worse."]
    elif chosen is top:
        cheaper = f"no cheaper one is surely as good (probability {100 * confidence:g} % or more)"
        said = [f"{told(top)} is the best encode, and {cheaper if there[0] is not top else 'the cheapest one'}."]
    else:
        saved = 1 - chosen["bits_per_second"] / top["bits_per_second"]
        said = [
            f"{told(chosen)} is the cheapest encode that is not visibly worse than the best one, {told(top)} "
            f"(probability {percent(1 - chosen['chance_worse'])}). It takes {100 * saved:.0f} % fewer bits."
        ]
    lower, total = reversals(*numbers(there), [(size(each), each["codec"]) for each in there])
    if lower >= max(2, DOUBT * total):
        often = f"{lower} of {total} encodes score lower than the next cheaper one of their size and codec"
        lines = max(240, *(min(each["height"], each["width"]) for each in there))
        small = lines < (there[0]["display_height"] or 0)  # a display that enlarges all of them hides what differs
        said.append(f"Do not rely on this: {often}." + f" Try --display-height {lines}." * small)
    groups = by_size(there)
    if chosen and len(groups) > 1:
        picks = (next(each for each in group if each["chosen_of_size"]) for group in groups.values())
        said += [f"Among {size(each)} alone: {told(each)}." for each in picks]
    return said


def told(encode: Row) -> str:
    """An encode in a sentence."""
    rate, score = bit_rate(encode["bits_per_second"]), 100 * encode[DISPLAY[0]]
    return f"{printable(encode['name'])} ({rate}, overall {score:.0f})"


def draw(path: Path, encodes: Sequence[Row], said: Sequence[str], card: ModelCard | None) -> None:
    """Writes the picture; removes that of an earlier run if there is nothing to draw."""
    there = [each for each in encodes if each["compared"]]
    if not there:
        path.unlink(missing_ok=True)
        return
    points = []
    for each in there:
        ends = [each[f"{DISPLAY[0]}_{end}"] for end in ("low", "high")]
        interval = None if None in ends else (100 * ends[0], 100 * ends[1])
        score = 100 * each[DISPLAY[0]]
        facts = each["name"], size(each), each["bits_per_second"]
        points.append(Encode(*facts, score, interval, each["on_hull"], each["chosen"]))
    scale = "Overall, 0 to 100, over bit rate; dashed: convex hull"
    if margin(card):
        scale += f"; bars: VMAF of nine in ten encodes ({margin(card).strip()})"
    write_atomic(path, ladder_picture(points, said, f"{scale}."))


def print_ladder(encodes: Sequence[Row], said: Sequence[str], card: ModelCard | None, legend: bool = True) -> None:
    """Prints the answer, then a line for each encode."""
    out = table_console()
    for sentence in said:
        out.print(Text(sentence))
    sure = any(each["chance_worse"] is not None for each in encodes)
    compared = any(each["vmaf"] is not None for each in encodes)
    heads = ["kbit/s", f"overall{margin(card)}".replace(" ", "\n"), *["VMAF"] * compared, *["visibly\nworse"] * sure]
    rate, *judged = (Column(head, justify="right", overflow="fold") for head in heads)
    name, facts, marks = (Column(head, overflow="fold") for head in ("encode", "size, fps, codec", ""))
    table = Table(name, rate, facts, *judged, marks, **PLAIN)
    for column in (rate, *judged):
        column.no_wrap = True
    there = [each for each in encodes if each["compared"]]
    top = there[best(*numbers(there))] if there else None
    for each in encodes:
        if each["status"] == "ok":
            bits, fps = each["bits_per_second"], each["fps"]
            of_stream = [size(each), f"{fps:.4g}" if fps else "", each["codec"] or ""]
            cells = [f"{bits / 1000:,.0f}" if bits else "", " ".join(filter(None, of_stream))]
            cells += [f"{100 * each[DISPLAY[0]]:.0f}"]
            if compared:
                cells.append("" if each["vmaf"] is None else f"{each['vmaf']:.0f}")
            if sure:
                unknown = each["chance_worse"] is None or each is top
                cells.append(
                    "" if unknown else percent(each["chance_worse"]).replace("over ", ">").replace("under ", "<")
                )
            said_of = {
                "best": each is top,
                "chosen": each["chosen"],
                "hull": each["on_hull"],
                "warning": each["warning"],
            }
            words = ", ".join(word for word, marked in said_of.items() if marked)
            table.add_row(Text(printable(each["name"])), *cells, words)
    out.print()
    if table.row_count:
        out.print(table)
    for each in encodes:
        if each["status"] != "ok":
            out.print(Text(f"not scored: {printable(each['path'])}"), soft_wrap=True)
    if legend:
        print_legend(out, "", card)
