# Installs this very version of ao-actions into a private environment and runs one command.
# A runner that has the same version installed (a prepared image, the local GitHub) uses that.
# The repository's code is never on the path: we start outside of the checkout's imports.
set -euo pipefail
wanted="$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$AO_ACTION_PATH/ao_actions/__init__.py")"
program="$(command -v ao-actions || true)"
if [ -z "$program" ] || [ "$("$program" --version)" != "ao-actions $wanted" ]; then
  home="$RUNNER_TEMP/ao-actions-$wanted"
  if command -v uv >/dev/null; then
    uv venv --quiet "$home" && uv pip install --quiet --python "$home/bin/python" "$AO_ACTION_PATH"
  else
    python3 -m venv "$home" && "$home/bin/pip" install --quiet "$AO_ACTION_PATH"
  fi
  program="$home/bin/ao-actions"
fi
echo "ao-actions $wanted"
case "$AO_COMMAND" in
  reconcile) exec "$program" reconcile ;;
  work) exec "$program" work --task "$AO_TASK" --epoch "$AO_EPOCH" ;;
  publish) exec "$program" publish --task "$AO_TASK" --epoch "$AO_EPOCH" --handoff "$AO_HANDOFF" ;;
  *) echo "::error::command must be reconcile, work or publish" && exit 2 ;;
esac
