#!/bin/sh
# Makes what jaxvqa needs, scores the clip that comes with it, prints the table and writes scores/report.html:
#
#   sh scripts/example.sh
set -eu
cd "$(dirname "$0")/.."

sh scripts/environment.sh .
"${VENV:-.venv}/bin/jaxvqa" report --example "$@"
