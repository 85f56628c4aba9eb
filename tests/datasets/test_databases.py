from databases import fails

from jaxvqa.datasets.databases import DATABASES


def test_wrong_specs(maxwell):
    fails("no database 'maxwel': choose maxwell, synthetic_maxwell, custom, konvid_1k", "maxwel:train", maxwell)
    fails("no split 'test': choose train, validation or all", "maxwell:test", maxwell)
    fails("no split 'train': choose rated or all", "konvid_1k:train", maxwell)
    for database in DATABASES:
        if database == "custom":
            assert "train.csv and validation.csv" in fails(
                "no folder .*custom: put .*docs/databases", database, maxwell
            )
        elif "maxwell" not in database:
            assert "labels.txt" in fails(f"no folder .*{database}: get .*docs/databases", database, maxwell)
    (maxwell / "maxwell" / "train_labels.txt").unlink()
    fails("lacks the label file train_labels.txt: get MaxWell.*docs/databases", "maxwell:validation", maxwell)
