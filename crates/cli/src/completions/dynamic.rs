//! What the generated scripts lack: ids of tasks and keys of settings, which `sisyphus candidates` prints.

/// Which commands take which candidates. In zsh and bash, `get`, `set` and `unset` are those of `config`.
const COMMANDS: [(&str, &[&str]); 4] = [
    ("tasks", &["show", "output", "logs", "tail", "wait"]),
    ("live", &["cancel", "stop", "next"]),
    ("ended", &["restart"]),
    ("keys", &["get", "set", "unset"]),
];

/// Begins the line of an argument in zsh's script that is a task or a key.
const ZSH_ARGUMENTS: [&str; 3] = ["':task -- ", "'*::tasks -- ", "':key -- "];
const ZSH_OPTIONS: [&str; 2] = ["'*--after=", "'*--after-any="];

const ZSH: &str = r#"
(( $+functions[_sisyphus_candidates] )) ||
_sisyphus_candidates() {
    local line
    local -a found
    for line in "${(@f)$(sisyphus candidates ${@[-1]} 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("${line%%$'\t'*}:${line#*$'\t'}")
    done
    _describe -V -t candidates candidate found
}
"#;

/// Readline shows what `COMPREPLY` holds, and types the beginning that all of it has in common: descriptions stand
/// there only for a listing of several.
const BASH: &str = r#"
_sisyphus_all() {
    _sisyphus "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}" of="" line
    local -a found=()
    [[ "$cur" == -* ]] && return
    case "${COMP_WORDS[1]}" in
CASES    config) ((COMP_CWORD == 3)) && [[ "${COMP_WORDS[2]}" == @(get|set|unset) ]] && of=keys ;;
    run) [[ "$3" == --after* ]] && of=live ;;
    esac
    [[ -n "$of" ]] || return
    while IFS= read -r line; do
        [[ "$line" == "$cur"* ]] && found+=("$line")
    done < <(sisyphus candidates "$of" 2>/dev/null)
    ((${#found[@]})) || return
    if ((${#found[@]} > 1)) && [[ "${COMP_TYPE:-9}" == @(33|63) ]]; then
        COMPREPLY=("${found[@]/$'\t'/  }")
    else
        COMPREPLY=("${found[@]%%$'\t'*}")
    fi
}
"#;

/// The script for bash with the candidates.
pub(super) fn bash(script: &str) -> String {
    let case =
        |(of, commands): &(&str, &[&str])| format!("    {}) of={of} ;;\n", commands.join("|"));
    let cases: String = COMMANDS[..3].iter().map(case).collect();
    BASH.replace("CASES", &cases)
        + &script.replace("complete -F _sisyphus ", "complete -F _sisyphus_all ")
}

/// The script for zsh with the candidates.
pub(super) fn zsh(script: &str) -> String {
    let (mut of, mut lines) = ("tasks", Vec::new());
    for line in script.lines() {
        if let Some(name) = line.trim().strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
            let has = |(_, commands): &&(&str, &[&str])| commands.contains(&name);
            of = COMMANDS.iter().find(has).map_or("tasks", |(of, _)| of);
        }
        let begins = |begin: &&str| line.starts_with(*begin);
        let of = if ZSH_OPTIONS.iter().any(begins) { "live" } else { of };
        let is_meant = ZSH_ARGUMENTS.iter().chain(&ZSH_OPTIONS).any(begins);
        lines.push(match line.strip_suffix(":_default' \\").filter(|_| is_meant) {
            Some(line) => format!("{line}:_sisyphus_candidates {of}' \\\n"),
            None => format!("{line}\n"),
        });
    }
    // The first line says which command it completes.
    let script: String = lines.concat();
    let (first, rest) = script.split_once('\n').unwrap_or((&script, ""));
    format!("{first}\n{ZSH}{rest}")
}

/// The script for fish with the candidates.
pub(super) fn fish(script: &str) -> String {
    let line = |(of, commands): &(&str, &[&str])| {
        let seen = commands.join(" ");
        format!(
            "complete -c sisyphus -n \"__fish_seen_subcommand_from {seen}\" -k -f -a \"(sisyphus candidates {of} 2>/dev/null)\"\n"
        )
    };
    let after = "complete -c sisyphus -n \"__fish_sisyphus_using_subcommand run\" -l after -l after-any -x -a \"(sisyphus candidates live 2>/dev/null)\"\n";
    script.to_owned() + &COMMANDS.iter().map(line).collect::<String>() + after
}
