#!/bin/sh
# Makes a virtual environment with what is named, such as '.[test]', unless it is there:
#
#   sh scripts/environment.sh REQUIREMENT
#
# Needs python3 and Debian's python3-venv. VENV names another folder than .venv, PYTHON another interpreter than python3,
# and CONSTRAINTS another file than constraints.txt with the versions to install; none, if it is empty.
set -eu
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
constraints=${CONSTRAINTS-constraints.txt}
if ! [ -x "$venv/bin/python" ]; then
  "${PYTHON:-python3}" -m venv "$venv" || {
    rm -rf "$venv"
    echo "no virtual environment could be made: apt-get install python3-venv" >&2
    exit 1
  }
fi
echo "installing jaxvqa in $venv; the first time takes some minutes" >&2
"$venv/bin/pip" install --quiet --quiet --disable-pip-version-check ${constraints:+-c "$constraints"} -e "$1"
