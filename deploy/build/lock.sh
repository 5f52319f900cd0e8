#!/bin/sh
# Writes requirements/*.txt from pyproject.toml: every version and hash pinned, no index address.
# sh deploy/build/lock.sh [FOLDER]   keeps the versions that the present lock has; --upgrade takes the newest.
set -eu
cd "$(dirname "$0")/../.."
uv=.uv/bin/uv
upgrade=
if [ "${1:-}" = --upgrade ]; then
    upgrade=--upgrade
    shift
fi
out=${1:-requirements}

compile() {
    name=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --constraints requirements/ceilings.in \
        $upgrade "$@" --output-file "$out/$name.txt"
}
# dev first: the others may hold no version that the tests never saw
compile dev pyproject.toml --group dev --extra edge --extra hub --extra models --extra scenes \
    --extra oidc --extra messengers --extra parquet --extra pdf
compile demo pyproject.toml --group demo --extra edge --extra hub --constraints "$out/dev.txt"
compile edge pyproject.toml --extra edge --constraints "$out/dev.txt"
compile hub pyproject.toml --extra hub --constraints "$out/dev.txt"
compile models pyproject.toml --extra models --constraints "$out/dev.txt"
compile hub-all pyproject.toml --extra hub --extra oidc --extra messengers --extra parquet --extra pdf \
    --constraints "$out/dev.txt"
compile scenes pyproject.toml --extra scenes --constraints "$out/dev.txt"
echo uv | compile uv - --constraints "$out/dev.txt"
