#!/bin/sh
# Makes .venv from the hash-pinned lock: sh deploy/build/venv.sh demo|dev
# Needs a python3 >= 3.11 that has venv or pip; brings uv itself (into .uv). Does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/../.."
set_name=${1:-dev}
lock=requirements/$set_name.txt
[ -f "$lock" ] || { echo "esplanade: there is no $lock; the sets are demo and dev" >&2; exit 2; }

fingerprint() { cat "requirements/$1.txt" requirements/uv.txt pyproject.toml | cksum; }

# dev holds everything that demo does
for have in dev "$set_name"; do
    if [ -x .venv/bin/python ] && [ -f ".venv/installed-$have" ] &&
        [ "$(cat .venv/made-in 2>/dev/null) $(cat ".venv/installed-$have")" = "$PWD $(fingerprint "$have")" ]; then
        exit 0
    fi
done
# a demo set must never take the tools out of a development venv
if [ "$set_name" = demo ] && [ -f .venv/installed-dev ]; then
    set_name=dev
    lock=requirements/dev.txt
fi

python=
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if found=$("$name" -c 'import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)' 2>/dev/null); then
        python=$found
        break
    fi
done
if [ -z "$python" ]; then
    echo "esplanade: no Python 3.11 or newer found as ${PYTHON:-python3}." >&2
    echo "  On Debian 12+ or Ubuntu 24.04+: apt-get install python3 python3-venv" >&2
    echo "  Elsewhere: name one with  make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
fi

want_uv=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements/uv.txt)
if [ "$(.uv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" != "$want_uv" ]; then
    echo "esplanade: fetching uv $want_uv"
    rm -rf .uv
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --target .uv --requirement requirements/uv.txt
    elif "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        "$python" -m venv .uv
        .uv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
            --requirement requirements/uv.txt
    else
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        echo "esplanade: $python has neither venv nor pip, so uv can not be fetched." >&2
        echo "  On Debian or Ubuntu: apt-get install python$version-venv    (or python3-pip)" >&2
        exit 1
    fi
fi

# scripts in a venv name its folder: one that was moved or copied is made anew
if [ "$(cat .venv/made-in 2>/dev/null)" != "$PWD" ] ||
    ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    .uv/bin/uv venv --quiet --clear --python "$python" .venv
    echo "$PWD" >.venv/made-in
fi
echo "esplanade: installing $lock into .venv"
rm -f .venv/installed-demo .venv/installed-dev
export VIRTUAL_ENV="$PWD/.venv"
.uv/bin/uv pip sync --quiet --require-hashes --only-binary :all: "$lock"
.uv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
fingerprint "$set_name" >".venv/installed-$set_name"
