#!/bin/sh
# Make an environment from a hash-locked requirements file: install.sh PYTHON VENV REQUIREMENTS...
# uv installs five times faster than pip; where it cannot (an index that only pip is configured for), pip does it.
set -eu
python=$1 venv=$2
shift 2

command -v "$python" >/dev/null || { echo "error: $python: not found; install Python 3.11 or newer, or run: make PYTHON=/path/to/python3" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $python is $("$python" --version), but Python 3.11 or newer is needed; run: make PYTHON=/path/to/python3" >&2; exit 1; }
if ! "$python" -c 'import ensurepip' 2>/dev/null; then # Debian and Ubuntu pack it by itself
    package=python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing Debian's $package, which $python needs to make an environment"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    else
        echo "error: $python cannot make an environment; run: sudo apt-get install $package" >&2
        exit 1
    fi
fi

"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
# The package itself is used where it stands, so that every script can be called by hand.
echo "$PWD/src" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/recurrent_residual.pth"

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
requirements=
for file in "$@"; do requirements="$requirements -r $file"; done
echo "Installing $* into $venv (PyTorch with CUDA: some gigabytes)"
# shellcheck disable=SC2086
if pip install -q --require-hashes -r requirements-installer.txt &&
    "$venv/bin/uv" pip install --python "$venv/bin/python" --compile-bytecode --require-hashes $requirements; then
    exit 0
fi
echo "uv could not install everything; trying again with pip"
# shellcheck disable=SC2086
pip install --require-hashes $requirements
