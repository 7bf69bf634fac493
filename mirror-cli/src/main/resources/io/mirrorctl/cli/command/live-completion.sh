
# Beside commands and options: arrays, their disks and nodes, which the node is asked for. It has two seconds, and what it
# has to say of errors is not shown.
function _mirrorctl_live() {
  local word glue="" kind="" at="" array="" command="" option="" prefix="" found=""
  local i n=0 place=0
  local -a words socket
  words=()
  socket=()
  # the shell takes words apart at colons and equals signs
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    if [[ -n "$glue" ]] || { ((n > 0)) && [[ "$word" == : || "$word" == = ]]; }; then
      words[n-1]="${words[n-1]}$word"
      glue=""
      [[ "$word" != : && "$word" != = ]] || glue=1
    else
      words[n]="$word"
      n=$((n + 1))
    fi
  done
  for ((i = 0; i < n - 1; i++)); do
    word="${words[i]}"
    option=""
    case "$word" in
      --socket) option="$word"; socket=(--socket "${words[i+1]}"); i=$((i + 1)) ;;
      --socket=*) socket=("$word") ;;
      @VALUE_OPTIONS@) option="$word"; i=$((i + 1)) ;;
      -*) ;;
      *)
        if [[ -z "$command" ]]; then
          command="$word"
        else
          [[ -n "$array" ]] || array="$word"
          place=$((place + 1))
        fi
        ;;
    esac
  done
  if ((i == n - 1)); then option=""; fi # its value is there already
  word="${words[n-1]}"
  at="$command:${option:-$place}"
  case "$at" in
    @ARRAYS@) kind=arrays ;;
    @DISKS@) kind=disks ;;
    @NODES@) kind=nodes ;;
  esac
  if [[ -z "$kind" || "$word" == -* ]]; then
    _complete_mirrorctl "$@"
    return
  fi
  COMPREPLY=()
  [[ "$kind" != disks ]] || socket+=("$array")
  # in bash the part up to the last colon stands already
  if [[ -n "${BASH_VERSION:-}" && "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
    prefix="${word%"${word##*:}"}"
  fi
  while IFS= read -r found; do
    if [[ -n "$found" && "$found" == "$word"* ]]; then
      found="${found#"$prefix"}"
      COMPREPLY+=("$(printf '%q' "$found")")
    fi
  done < <(MIRRORCTL_NO_BUILD=1 timeout 2 "${COMP_WORDS[0]/#\~/$HOME}" completion-words "$kind" "${socket[@]}" 2>/dev/null </dev/null)
}
complete -F _mirrorctl_live -o default mirrorctl
