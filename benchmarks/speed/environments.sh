#!/usr/bin/env bash
# Makes one virtual environment for each peer: they want different versions of numpy, and pyngn would
# bring notebooks and plots, of which a benchmark needs nothing.
#
#     benchmarks/speed/environments.sh [FOLDER [NAME...]]      (default: build/environments, all)
#
# PYTHON names the interpreter. Brian2 compiles its networks: g++ and make are needed to run it.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-build/environments}
names=("${@:2}")
[[ $# -gt 1 ]] || names=(nest brian2 pyngn)

make_one() { # NAME REQUIREMENT...
    "${PYTHON:-python3}" -m venv "$folder/$1"
    "$folder/$1/bin/python" -m pip install --disable-pip-version-check --quiet "${@:2}"
    echo "$folder/$1: ${*:2}"
}

for name in "${names[@]}"; do
    case "$name" in
        nest) make_one nest 'nest-simulator>=3.9' numpy ;;
        brian2) make_one brian2 'brian2>=2.9' 'numpy<2.4' setuptools ;;
        pyngn)
            make_one pyngn -c constraints.txt torch numpy
            "$folder/pyngn/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps pyngn==1.0.0
            ;;
        *) echo "unknown environment '$name': nest, brian2 or pyngn" >&2 && exit 2 ;;
    esac
done
