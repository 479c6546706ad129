# Installs this very version of ao-actions into a private environment and runs one command.
# A runner that has the same version installed (a prepared image, the local GitHub) uses that.
#
# What comes from a package index is compared with the hashes of requirements.lock (with those of
# the meter's packages in requirements-meter.lock), is never built, and never cached. Our own code
# is read where the runner put it, beside this file.
# `-I`: neither the checkout that we stand in nor the user's own packages are on Python's path.
set -euo pipefail

fail() {
  echo "::error::ao-actions: $1"
  exit 1
}

find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null &&
      "$name" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

install_with_uv() {
  uv --no-config venv --quiet --no-cache --no-python-downloads --python "$1" "$home" &&
    uv --no-config pip install --quiet --no-cache --python "$home/bin/python" \
      --require-hashes --no-build --requirements "$AO_ACTION_PATH/$lock"
}

install_with_pip() {
  "$1" -I -m venv --without-pip "$home" &&
    "$1" -I -m pip --python "$home/bin/python" install --quiet --no-cache-dir --no-deps \
      --no-compile --disable-pip-version-check --require-hashes --only-binary :all: \
      --requirement "$AO_ACTION_PATH/$lock"
}

install() {
  local python
  python="$(find_python)"
  [ -n "$python" ] || fail "Python 3.11 or newer was not found on this runner"
  if ! { command -v uv >/dev/null && install_with_uv "$python"; }; then
    rm -rf "$home"
    install_with_pip "$python" || fail "the packages of $lock cannot be installed"
  fi
  # One line in the environment's own folder instead of a build of our package.
  local site
  site="$("$home/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  echo "$AO_ACTION_PATH" >"$site/ao-actions.pth"
}

# The meter's step installs for the agent's step too: the agent has not run yet.
lock=requirements.lock
if [ "$AO_COMMAND" = meter ]; then lock=requirements-meter.lock; fi

wanted="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$AO_ACTION_PATH/ao_actions/__init__.py")"
program="$(command -v ao-actions || true)"
if [ -n "$program" ] && [ "$("$program" --version)" = "ao-actions $wanted" ]; then
  run=("$program")
elif [ -n "${AO_HOME:-}" ]; then
  run=("$AO_HOME/bin/python" -I -m ao_actions)
else
  home="$(mktemp -d "$RUNNER_TEMP/ao-actions-$wanted-XXXXXX")"
  install
  run=("$home/bin/python" -I -m ao_actions)
  if [ "$AO_COMMAND" = meter ]; then echo "home=$home" >>"$GITHUB_OUTPUT"; fi
fi
echo "ao-actions $wanted"

case "$AO_COMMAND" in
  reconcile | wake) exec "${run[@]}" "$AO_COMMAND" ;;
  meter | work) exec "${run[@]}" "$AO_COMMAND" --task "$AO_TASK" --epoch "$AO_EPOCH" ;;
  publish)
    exec "${run[@]}" publish --task "$AO_TASK" --epoch "$AO_EPOCH" \
      ${AO_HANDOFF:+--handoff "$AO_HANDOFF"}
    ;;
  *) fail "command must be reconcile, meter, work, publish or wake, not '$AO_COMMAND'" ;;
esac
