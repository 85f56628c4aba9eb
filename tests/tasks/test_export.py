from jaxvqa.cli import main


def test_wrong_usage_is_one_sentence_and_exit_code_2(tmp_path, capfd):
    for arguments, sentence in (
        ([], "no output given: name a folder that does not exist yet."),
        ([f"--output={tmp_path}"], f"{tmp_path} already exists: remove it or choose another output directory."),
        (["--weights=nowhere", f"--output={tmp_path / 'out'}"], "weights directory nowhere does not exist"),
    ):
        capfd.readouterr()
        assert main(["export", *arguments]) == 2
        assert sentence in capfd.readouterr().err.splitlines()[-1]
    assert not [*tmp_path.iterdir()]
