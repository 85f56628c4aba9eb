#!/bin/sh
# Makes what the tests need, and runs them; 30 to 50 minutes on two cores. No compiler is needed. Arguments go to pytest:
#
#   sh scripts/test.sh
#   sh scripts/test.sh -m 'not slow'
set -eu
cd "$(dirname "$0")/.."

sh scripts/environment.sh '.[test]'
venv=${VENV:-.venv}
PATH=$(cd "$venv/bin" && pwd):$PATH pytest -n 2 "$@"
