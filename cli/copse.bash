# cli/copse.bash - bash completion for copse. Sourced from bash-completion's folder
# (/usr/share/bash-completion/completions/copse) or by hand; needs neither of its functions.
#
# What there is to complete comes from the tool itself: commands and options from --help, names
# of maps from 'copse maps', so that this file never lags behind.

# Prints the options of a command, one on a line, as "-x" and "--name", and behind an option
# that takes a value the word that --help shows for it.
_copse_options() { # TOOL COMMAND
  "$1" "$2" --help 2>/dev/null | awk '
    /^Options:/ { inside = 1; next }
    /^[^ ]/ { inside = 0 }
    inside && /^ +-/ {
      match($0, /--[a-z0-9-]+( [^ ]+)?/)
      long = substr($0, RSTART, RLENGTH)
      # An argument is set in capitals, or is a choice with bars between; a help text is neither.
      split(long, word, " ")
      value = (word[2] ~ /^[A-Z][A-Z=]*$/ || word[2] ~ /\|/) ? word[2] : ""
      print word[1], value
      if ($0 ~ /^ +-[A-Za-z0-9],/) { short = $1; sub(/,/, "", short); print short, value }
    }'
}

_copse_reply() { # WORD CANDIDATE...: the candidates that begin with the word
  local word=$1 candidate
  shift
  for candidate; do
    [[ $candidate == "$word"* ]] && COMPREPLY+=("$candidate")
  done
}

_copse_commands() { # TOOL WORD
  local command
  while read -r command; do _copse_reply "$2" "$command"; done < <("$1" --help 2>/dev/null |
    awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }')
}

_copse_files() { # WORD: but those that only belong to a store beside them
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    [[ $file == *-@(readers|writers|log) && -e ${file%-*} ]] ||
      [[ $file == *-data-+([0-9]) && -e ${file%-data-*} ]] || COMPREPLY+=("$file")
  done < <(compgen -f -- "$1")
}

# The path that a typed word means, without running anything that may stand in it.
_copse_unquote() { # WORD
  local path=${1//[\\\'\"]/}
  [[ $path == \~/* ]] && path=$HOME/${path#\~/}
  printf %s "$path"
}

_copse_maps() { # TOOL STORE WORD
  local name
  while IFS= read -r name; do
    [[ $name == "$3"* ]] && COMPREPLY+=("$(printf %q "$name")")
  done < <(timeout 2 "$1" maps --names --raw "$2" 2>/dev/null)
}

_copse_value() { # ARGUMENT WORD: the value of an option
  case $1 in
  *'|'*)
    local -a words
    IFS='|' read -r -a words <<<"$1"
    _copse_reply "$2" "${words[@]}"
    ;;
  FILE | DIRECTORY | STORE) _copse_files "$2" ;;
  esac
}

_copse() {
  local tool=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local command=${COMP_WORDS[1]} name value i
  local -A takes=()
  local -a operands=()
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    _copse_commands "$tool" "$word"
    _copse_reply "$word" --help --version
    return
  fi
  if [[ $command == help ]]; then
    ((COMP_CWORD == 2)) && _copse_commands "$tool" "$word"
    return
  fi
  while read -r name value; do takes[$name]=$value; done < <(_copse_options "$tool" "$command")

  # "--name=value" arrives as three words where = breaks words.
  if [[ $word == = ]]; then
    _copse_value "${takes[$before]}" ""
    return
  fi
  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  if [[ $before == -* && -n ${takes[$before]} ]]; then
    _copse_value "${takes[$before]}" "$word"
    return
  fi
  if [[ $word == -* ]]; then
    for name in "${!takes[@]}"; do [[ $name == --* ]] && _copse_reply "$word" "$name"; done
    return
  fi

  # Which operand it is: the words before it that are neither options nor their values.
  for ((i = 2; i < COMP_CWORD; i++)); do
    name=${COMP_WORDS[i]}
    if [[ $name == = ]]; then
      ((i++))
    elif [[ $name == -* ]]; then
      [[ -n ${takes[$name]} && ${COMP_WORDS[i + 1]} != = ]] && ((i++))
    else
      operands+=("$name")
    fi
  done
  case $command:${#operands[@]} in
  *:0 | copy:1 | compact:1) _copse_files "$word" ;;
  diff:1)
    # With --wait the second operand is a map, else another store.
    if [[ " ${COMP_WORDS[*]} " == *\ -w\ * || " ${COMP_WORDS[*]} " == *\ --wait\ * ]]; then
      _copse_maps "$tool" "$(_copse_unquote "${operands[0]}")" "$word"
    else
      _copse_files "$word"
    fi
    ;;
  *:1 | diff:2 | dump:*) _copse_maps "$tool" "$(_copse_unquote "${operands[0]}")" "$word" ;;
  esac
}

complete -F _copse copse
