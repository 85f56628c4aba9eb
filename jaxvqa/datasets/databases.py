"""What databases there are: their label files, and how to get them."""

from typing import NamedTuple

from ..errors import UserError


class Database(NamedTuple):
    """What a database is made of.

    Attributes:
        label_files: the label files of each split.
        instructions: how to get it, and what to put into its folder.
    """

    label_files: dict[str, tuple[str, ...]]
    instructions: str


MAXWELL_FILES: dict[str, tuple[str, ...]] = {  # a table without file names, and the list with the name of each row
    "train": ("MaxWell_train.csv", "train_labels.txt"),
    "validation": ("MaxWell_val.csv", "test_labels.txt"),
}

# Databases with one score a video, and where their authors publish them.
MOS = {
    "konvid_1k": "KoNViD-1k, published by the University of Konstanz (database.mmsp-kn.de)",
    "live_vqc": "LIVE-VQC, published by the LIVE laboratory of the University of Texas at Austin (live.ece.utexas.edu)",
    "youtube_ugc": "YouTube-UGC, published by Google (media.withgoogle.com/ugc-dataset)",
    "cvd2014": "CVD2014, published by the University of Helsinki (on zenodo.org)",
    "lsvq": "LSVQ, published with PatchVQ (github.com/baidut/PatchVQ)",
}

DATABASES = {
    "maxwell": Database(
        MAXWELL_FILES,
        "get MaxWell, published with MaxVQA (github.com/VQAssessment/ExplainableVQA), and put into this folder "
        "MaxWell_train.csv, MaxWell_val.csv, train_labels.txt, test_labels.txt and, anywhere in it, the videos",
    ),
    "synthetic_maxwell": Database(MAXWELL_FILES, "move the folder away, and it is rendered anew"),
    "custom": Database(
        {"train": ("train.csv",), "validation": ("validation.csv",)},
        "put into this folder train.csv and validation.csv, each with a column `filename` and one for every dimension "
        "with labels, named by code (O, A-1, ... T-all) or name (sharpness), and, anywhere in it, the videos",
    ),
} | {
    name: Database(
        {"rated": ("labels.txt",)},  # "all" is a name that TFDS reserves
        f"get {source}, and put into this folder a file labels.txt, with a line `name, ..., mos` for each video (first "
        "the file name, last the score), and, anywhere in it, the videos",
    )
    for name, source in MOS.items()
}


def split_spec(spec: str) -> tuple[str, str]:
    """The database and the split of a text such as `maxwell:train`; the split is "all" where none is named.

    Raises:
        UserError: there is no such database or split.
    """
    database, _, split = spec.partition(":")
    if database not in DATABASES:
        raise UserError(f"there is no database {database!r}: choose {', '.join(DATABASES)}.")
    splits = list(DATABASES[database].label_files)
    if (split or "all") not in (*splits, "all"):
        raise UserError(f"{database} has no split {split!r}: choose {', '.join(splits)} or all.")
    return database, split or "all"
