# Sourced by the launchers, which set `repo`: finds a Node that runs our sources as they are, and becomes it, so that
# signals and the pid are the program's own.

die() {
  echo "${0##*/}: $1" >&2
  exit 2
}

# run_node <script, from the top of the repository> <arguments…>
run_node() {
  script=$repo/$1
  shift
  [ -f "$script" ] || die "$script is missing"
  [ -d "$repo/node_modules/commander" ] || die "the dependencies are not installed: run npm ci in $repo"
  node=$repo/node_modules/.bin/node
  if [ ! -x "$node" ]; then
    node=$(command -v node) || die "no Node.js: run npm ci in $repo, or install Node.js 24 or newer"
    version=$("$node" --version) || die "$node does not run"
    major=${version#v}
    [ "${major%%.*}" -ge 24 ] || die "Node.js 24 or newer is wanted, $node is $version: run npm ci in $repo"
  fi
  # What was compiled once need not be compiled again: it halves the time that a process takes to start.
  if [ -w "$repo/node_modules" ]; then
    export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$repo/node_modules/.cache/goworld}"
  fi
  # SQLite and the like are marked experimental in Node; the operator can do nothing about it.
  exec "$node" --disable-warning=ExperimentalWarning "$script" "$@"
}
