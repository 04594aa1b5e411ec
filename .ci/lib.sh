# Sourced by the scripts beside it.

say() { echo "$(basename "$0"): $*" >&2; }
die() { say "$*"; exit 1; }

# Install Debian packages, unless all are there.
apt_install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || die "missing: ${missing[*]}; no apt-get here, install them by hand"
    [ "$(id -u)" -eq 0 ] || die "missing: ${missing[*]}; run this as root, or install them by hand"
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
    apt-get -qq -o Acquire::Retries=3 update >&2
    apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install -y "${missing[@]}" >&2
}
