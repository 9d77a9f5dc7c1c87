# SPDX-License-Identifier: BSD-2-Clause
# Bash completion: options as -help lists them, devices, objects and their properties as -device X,help does. The program is asked each time,
# so that nothing here can be out of date.
_cxlvm_names()
{
	"$1" "$2" help 2>/dev/null </dev/null | sed -n 's/^name "\([^"]*\)".*/\1/p'
}

# Properties of NAME, and the keys that all devices have.
_cxlvm_keys()
{
	"$1" "$2" "$3,help" 2>/dev/null </dev/null | sed -n 's/^  \([^=]*\)=<.*/\1=/p'
	printf 'id=\n'
	[ "$2" != -device ] || printf 'bus=\n'
}

_cxlvm_words()
{
	local program=$1 word=${COMP_LINE:0:COMP_POINT} option='' name rest
	local -a words

	# Words as the user wrote them: bash itself would break them at '='.
	read -ra words <<<"$word"
	[[ $word == *' ' ]] && words+=('')
	word=${words[-1]}
	((${#words[@]} > 2)) && option=-${words[-2]##-}
	option=${option/#--/-}
	# Nobody has expanded it.
	[[ $program == '~/'* ]] && program=$HOME/${program#'~/'}
	COMPREPLY=()
	case $option in
	-device|-object)
		if [[ $word != *,* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_cxlvm_names "$program" "$option") help" -- "$word")
		else
			name=${word%%,*} rest=${word##*,}
			[[ $rest == *=* ]] && return
			mapfile -t COMPREPLY < <(compgen -P "${word%,*}," -W "$(_cxlvm_keys "$program" "$option" "$name")" -- "$rest")
		fi
		compopt -o nospace 2>/dev/null
		return ;;
	-cpu) mapfile -t COMPREPLY < <(compgen -W "$("$program" -cpu help 2>/dev/null | sed -n 's/^  //p')" -- "$word"); return ;;
	-d) mapfile -t COMPREPLY < <(compgen -W "$("$program" -d help 2>/dev/null | cut -d' ' -f1)" -- "$word"); return ;;
	-machine|-M)
		if [[ $word != *,* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "virt none help" -- "$word")
		else
			rest=${word##*,}
			[[ $rest == *=* ]] && return
			mapfile -t COMPREPLY < <(compgen -P "${word%,*}," -W "$("$program" -M virt,help 2>/dev/null |
				sed -n 's/\.N\./.0./; s/\.M=/.0=/; s/^  \([^=]*\)=<.*/\1=/p')" -- "$rest")
			compopt -o nospace 2>/dev/null
		fi
		return ;;
	-accel) mapfile -t COMPREPLY < <(compgen -W "jit interp help" -- "$word"); return ;;
	-kernel|-initrd|-dtb|-bios|-D|-pidfile|-readconfig|-hda|-hdb|-hdc|-hdd|-cdrom|-pflash) mapfile -t COMPREPLY < <(compgen -f -- "$word"); compopt -o filenames 2>/dev/null; return ;;
	esac
	if [[ $word == --* && ${words[1]} == topology && ${#words[@]} -eq 3 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--dot --svg" -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" -help 2>/dev/null | sed -n 's/^\(-[^ ]*\).*/\1/p')" -- "$word")
	elif ((${#words[@]} == 2)); then
		mapfile -t COMPREPLY < <(compgen -W "topology explain" -- "$word")
	fi
}
# What completes takes the place of the last of bash's words, which end at COMP_WORDBREAKS too: what stands before that is left out.
_cxlvm()
{
	local word=${COMP_LINE:0:COMP_POINT} before n

	_cxlvm_words "$@"
	word=${word##*[[:space:]]}
	before=${word%"${word##*["$COMP_WORDBREAKS"]}"}
	for n in "${!COMPREPLY[@]}"; do
		COMPREPLY[n]=${COMPREPLY[n]#"$before"}
	done
}
complete -F _cxlvm cxlvm
