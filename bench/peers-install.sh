# Installs and builds the peers of bench.sh, for bench/peers.sh, and says what they are made of.
# What cannot be had is left out of the tables, and the reason is told below them.
# shellcheck shell=bash
# Set here and read there, or the other way round.
# shellcheck disable=SC2034,SC2154

modules=/usr/lib/nginx/modules
peer_names=(python node actix ntex minihttp nginx nginx_lua)
declare -A absent=() # Why a server is not measured.

install_packages() { # What of Debian is missing, where that can be done.
    local missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    [[ $(postgres_programs) ]] || missing+=(postgresql)
    command -v wrk >/dev/null || missing+=(wrk)
    command -v ab >/dev/null || missing+=(apache2-utils)
    command -v nginx >/dev/null || missing+=(nginx)
    command -v npm >/dev/null || missing+=(nodejs npm)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [[ -r $modules/ngx_http_lua_module.so ]] || missing+=(libnginx-mod-http-lua)
    [[ -r /usr/share/lua/5.1/nginx/redis.lua ]] || missing+=(lua-nginx-redis)
    [[ ${#missing[@]} != 0 ]] || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        echo "bench.sh: not installed, for want of root or of apt-get: ${missing[*]}" >&2
        return
    fi
    echo "bench.sh: installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 || true
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || true
}

install_peers() { # Sets absent.
    mkdir -p "$built"
    try python install_python
    try node install_node
    try actix install_rust
    try ntex install_rust
    try minihttp install_rust
    try nginx check_nginx
    try nginx_lua check_lua
    [[ ! ${absent[python]:-} ]] || absent[python_with_logs]=${absent[python]}
}

try() { # SERVER COMMAND...
    echo "bench.sh: installing $1" >&2
    "${@:2}" "$1" >"$temp/install.log" 2>&1 ||
        absent[$1]="could not be installed: $(tail -n 1 "$temp/install.log")"
}

check_nginx() { command -v nginx >/dev/null || { echo "nginx is missing" && return 1; }; }

# What these two install is written down last, so that it is not installed again.
install_python() {
    local list=requirements.txt
    ! cmp --silent "$peers/python/$list" "$built/venv/$list" || return 0
    python3 -m venv --clear "$built/venv" &&
        "$built/venv/bin/pip" install --requirement "$peers/python/$list" &&
        cp "$peers/python/$list" "$built/venv/"
}

install_node() {
    local list=package-lock.json
    mkdir -p "$built/node" && cp "$peers"/node/* "$built/node/" || return
    ! cmp --silent "$peers/node/$list" "$built/node/node_modules/$list" || return 0
    npm ci --prefix "$built/node" && cp "$peers/node/$list" "$built/node/node_modules/"
}

install_rust() { # SERVER
    cargo build --release --locked --manifest-path "$peers/Cargo.toml" \
        --package "peer-$1" --target-dir "$built/cargo"
}

check_lua() {
    [[ -r $modules/ngx_http_lua_module.so && -r /usr/share/lua/5.1/nginx/redis.lua ]] && return
    echo 'libnginx-mod-http-lua or lua-nginx-redis is missing' && false
}

print_versions() {
    local server
    echo "Versions:"
    for server in "${peer_names[@]}"; do
        [[ ! ${absent[$server]:-} ]] || continue
        printf '  %-13s%s\n' "${server//_/ }" "$(version_of "$server")"
    done
}

version_of() { # SERVER
    case $1 in
        python) "$built/venv/bin/python" --version && pinned "$peers/python/requirements.txt" ;;
        node) echo "Node.js $(node --version)" && pinned "$peers/node/package.json" ;;
        actix) rustc --version && locked actix-web redis tokio ;;
        ntex) rustc --version && locked ntex ntex-redis tokio ;;
        minihttp) rustc --version && locked may_minihttp may ;;
        nginx) nginx -v 2>&1 ;;
        nginx_lua) packaged nginx libnginx-mod-http-lua lua-nginx-redis libluajit2-5.1-2 ;;
    esac | paste -sd ' '
}

pinned() { # FILE: of the libraries that are named on the command line or in the program
    local libraries='uvicorn|uvloop|httptools|starlette|redis|hiredis|fastify|ioredis'
    sed -nE "s/^ *\"?($libraries)\"?(==|: \")([0-9.]+).*/\1 \3/p" "$1"
}

locked() { # CRATE...
    local crate
    for crate; do
        grep -A 1 "^name = \"$crate\"$" "$peers/Cargo.lock" |
            sed -n "s/^version = \"\(.*\)\"/$crate \1/p"
    done
}

packaged() { dpkg-query --show --showformat '${Package} ${Version}\n' "$@"; }
