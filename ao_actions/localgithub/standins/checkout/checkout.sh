#!/usr/bin/env bash
# What actions/checkout does, with git alone. Few processes: this runs in nearly every job.
set -euo pipefail

if [ "$IN_UNSUPPORTED" != "falsefalse" ]; then
  echo "::error::checkout stand-in: submodules, lfs and ssh-key are not supported"
  exit 1
fi

directory=$GITHUB_WORKSPACE
[ "$IN_PATH" = . ] || directory=$GITHUB_WORKSPACE/$IN_PATH
url=$GITHUB_SERVER_URL/$IN_REPOSITORY
is_own=false
[ "${IN_REPOSITORY,,}" = "${GITHUB_REPOSITORY,,}" ] && is_own=true

git init -q -b main "$directory"
cd "$directory"
git_folder=$PWD/.git
cat > .git/config <<EOF
[core]
	repositoryformatversion = 0
	bare = false
	logallrefupdates = true
[remote "origin"]
	url = $url
	fetch = +refs/heads/*:refs/remotes/origin/*
[gc]
	auto = 0
EOF

if [ -n "$IN_TOKEN" ]; then
  basic=$(printf 'x-access-token:%s' "$IN_TOKEN" | base64)
  basic=${basic//$'\n'/}
  echo "::add-mask::$basic"
  header="AUTHORIZATION: basic $basic"
  if [ "$IN_PERSIST" = true ]; then
    # like checkout v6 and later: the credential lies beside the clone, not in .git/config
    credentials=$RUNNER_TEMP/git-credentials-$$-$RANDOM.config
    (umask 077 && printf '[http "%s/"]\n\textraheader = %s\n' "$GITHUB_SERVER_URL" "$header" > "$credentials")
    printf '[includeIf "gitdir:%s"]\n\tpath = %s\n' "$git_folder" "$credentials" >> .git/config
  else
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader" GIT_CONFIG_VALUE_0="$header"
  fi
fi

options=(--no-tags --prune --no-recurse-submodules --quiet)
[ "$IN_TAGS" = true ] && options=(--tags "${options[@]:1}")
[ -n "$IN_FILTER" ] && options+=("--filter=$IN_FILTER")
if [ -n "$IN_SPARSE" ]; then
  [ -n "$IN_FILTER" ] || options+=(--filter=blob:none)
  cone=--cone
  [ "$IN_CONE" = true ] || cone=--no-cone
  printf '%s\n' "$IN_SPARSE" | sed '/^[[:space:]]*$/d' | git sparse-checkout set $cone --stdin
fi

ref=$IN_REF
commit=
if [ -z "$ref" ] && $is_own; then
  ref=$GITHUB_REF
  commit=$GITHUB_SHA
fi
if [ -z "$ref" ]; then # another repository's default branch
  ref=$(git ls-remote --symref origin HEAD | sed -n 's/^ref: \(.*\)\tHEAD$/\1/p')
fi

specs=()
if [[ $ref =~ ^[0-9a-f]{40}$ ]]; then
  commit=$ref
  ref=
elif [[ $ref != refs/* ]]; then # a short name: a branch before a tag, as checkout does
  listed=$(git ls-remote origin "refs/heads/$ref" "refs/tags/$ref")
  if [[ $listed == *"refs/heads/$ref"* ]]; then
    ref=refs/heads/$ref
  elif [[ $listed == *"refs/tags/$ref"* ]]; then
    ref=refs/tags/$ref
  else
    echo "::error::A branch or tag with the name '$ref' could not be found"
    exit 1
  fi
fi

case $ref in
  refs/heads/*) local_ref=refs/remotes/origin/${ref#refs/heads/} ;;
  refs/pull/*) local_ref=refs/remotes/pull/${ref#refs/pull/} ;;
  *) local_ref=$ref ;;
esac

if [ "$IN_DEPTH" -gt 0 ]; then
  options+=("--depth=$IN_DEPTH")
else
  options=(--tags "${options[@]:1}")
  specs+=('+refs/heads/*:refs/remotes/origin/*')
fi
if [ -z "$ref" ]; then
  specs+=("$commit")
elif [ "$IN_DEPTH" -gt 0 ] || [[ $ref != refs/heads/* ]]; then
  specs+=("+${commit:-$ref}:$local_ref")
fi
git -c protocol.version=2 fetch "${options[@]}" origin "${specs[@]}"

case $ref in
  '') git checkout -q --force "$commit" ;;
  refs/heads/*)
    # with the whole history the branch may have moved on: the run's commit counts
    git checkout -q --force -B "${ref#refs/heads/}" "${commit:-$local_ref}"
    printf '[branch "%s"]\n\tremote = origin\n\tmerge = %s\n' "${ref#refs/heads/}" "$ref" >> .git/config
    ;;
  *) git checkout -q --force "${commit:-$local_ref}" ;;
esac

[[ $commit =~ ^[0-9a-f]{40}$ ]] || commit=$(git rev-parse HEAD)
echo "HEAD is now at $commit"
printf 'ref=%s\ncommit=%s\n' "${IN_REF:-$ref}" "$commit" >> "$GITHUB_OUTPUT"
