#!/bin/sh
# Installs Debian packages as root, and leaves the system's services as they are: nothing is started, nothing is enabled
# that was not there before, and PostgreSQL makes no cluster. What is put in place for that is taken away again, also
# after a failure.
#
#   packages.sh update              read the package lists
#   packages.sh install PACKAGE...  install packages, without what they only recommend
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
umask 022

policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.d
our_clusters=$clusters/vaxtrace-none.conf
saved=

apt() {
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Languages=none -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

restore() {
    if [ -n "$saved" ]; then mv -f "$saved" "$policy"; else rm -f "$policy"; fi
    rm -f "$our_clusters"
    rmdir "$clusters" /etc/postgresql-common 2>/dev/null || true
}

case $1 in
update)
    apt update
    ;;
install)
    shift
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        saved=$policy.vaxtrace
        mv -f "$policy" "$saved"
    fi
    trap restore EXIT
    trap 'exit 130' INT TERM HUP
    # 101: "you may not do that". Maintainer scripts ask it before they start a service.
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    mkdir -p "$clusters"
    echo 'create_main_cluster = false' >"$our_clusters"

    services=
    for service in postgresql redis-server nginx; do
        [ -e "/etc/init.d/$service" ] || services="$services $service"
    done
    apt install -y --no-install-recommends "$@"
    # A newly installed service would start at the next boot.
    for service in $services; do
        update-rc.d "$service" disable >/dev/null 2>&1 || systemctl disable --quiet "$service" 2>/dev/null || true
    done
    ;;
esac
