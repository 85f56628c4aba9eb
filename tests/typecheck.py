"""Checks types and shapes of what functions get and give while tests run; an int is as good as a float."""

from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
