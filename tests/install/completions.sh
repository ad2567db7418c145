#!/usr/bin/env bash
# Loads the completions installed below $1 (…/share) in each shell that is here, and asks bash for some.
set -euo pipefail
share=$1

# What bash offers for the last of these words.
offers() {
  bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tessera; echo " ${COMPREPLY[*]} "' \
    bash "$share/bash-completion/completions/tessera" "$@"
}
expect() {
  local wanted=$1 offered
  shift
  offered=$(offers "$@")
  [[ $offered == *" $wanted "* ]] || { echo "bash: \"$*\" offers$offered, not $wanted"; exit 1; }
}
expect run tessera r
expect inspect tessera --threads 4 ins
expect --system tessera run --sys
expect --top-p tessera --threads 4 run --top
expect --threads tessera run --thr
expect --type tessera -q quantize in out --ty

if command -v zsh >/dev/null; then
  zsh -f -c 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -D -u; [[ $_comps[tessera] == _tessera ]]
    autoload +X _tessera' zsh "$share/zsh/site-functions" || { echo "zsh does not load _tessera"; exit 1; }
else
  echo "zsh is not here: its completions were not loaded"
fi
if command -v fish >/dev/null; then
  offered=$(fish --no-config -c 'source $argv[1]; complete -C "tessera ru"' "$share/fish/vendor_completions.d/tessera.fish")
  [[ $offered == run* ]] || { echo "fish offers \"$offered\" for \"tessera ru\""; exit 1; }
else
  echo "fish is not here: its completions were not loaded"
fi
