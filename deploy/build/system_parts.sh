#!/bin/sh
# Installs the system packages that some tests need (Debian, Ubuntu), when this user may: root, or sudo without a
# password. Where it may not, says what stays out; the tests that need it then skip, or fail when CI=true.
set -eu

# package:command that shows it is there (or a path, with * where it differs from machine to machine)
PARTS="libegl1:/usr/lib/*/libEGL.so.1 libgl1-mesa-dri:/usr/lib/*/dri/*_dri.so
libpangoft2-1.0-0:/usr/lib/*/libpangoft2-1.0.so.0 poppler-utils:pdftotext
chromium:chromium mosquitto:/usr/sbin/mosquitto fonts-dejavu-core:/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
gir1.2-gst-rtsp-server-1.0:/usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib
python3-gi:/usr/lib/python3/dist-packages/gi/__init__.py"

there() {
    for found in $1; do # the shell fills in the *
        [ -e "$found" ] && return 0
    done
    return 1
}

missing=
set -f
for part in $PARTS; do
    set +f
    sign=${part#*:}
    case $sign in
        /*) there "$sign" || missing="$missing ${part%%:*}" ;;
        *) command -v "$sign" >/dev/null 2>&1 || missing="$missing ${part%%:*}" ;;
    esac
done
[ -n "$missing" ] || exit 0

cannot() {
    echo "esplanade: not installed:$missing ($1); the tests that need them will be skipped." >&2
    echo "  To run them too: apt-get install$missing" >&2
    exit 0
}
command -v apt-get >/dev/null 2>&1 || cannot "no apt-get here"
sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || cannot "needs root or sudo without a password"
    sudo="sudo -n"
fi

# The tests start their own mosquitto on a free port: the package must not start a service beside it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
    trap '$sudo rm -f "$policy"' EXIT
fi

echo "esplanade: installing$missing"
log=$(mktemp)
install() {
    # shellcheck disable=SC2086 # a list of names
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null >"$log" 2>&1
}
# the package lists may be old, or never fetched
if ! install && ! { $sudo apt-get update -q </dev/null >"$log" 2>&1 && install; }; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    cannot "apt-get failed"
fi
rm -f "$log"
