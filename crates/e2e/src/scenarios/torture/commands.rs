//! The commands. They depend on nothing that differs between two runs, and none affects the next.

/// The commands that stay in their folder, in order.
pub(super) fn commands() -> Vec<String> {
    let mut commands: Vec<String> = FIXED.iter().map(|command| (*command).to_owned()).collect();
    // Near the longest argument of Linux (128 KiB), with quotes that make it longer when it is quoted.
    commands.push(format!(": '{}'; echo long", "x".repeat(100_000)));
    commands.push(format!("echo \"{}\" | wc -c", "it's ".repeat(5_000)));
    commands.push(format!(
        "cat <<'END' | tail -n 1\n{}END",
        "line of a long here-document\n".repeat(1_000)
    ));
    commands
}

const FIXED: &[&str] = &[
    // Plain output and outcomes.
    "echo out",
    "echo error >&2",
    "echo out; echo error >&2; echo out again",
    "true",
    "false",
    "exit 7",
    "exit 255",
    "echo before; exit 3; echo never",
    "(exit 9)",
    "printf 'no newline at the end'",
    "printf ''",
    "set -e; false; echo never",
    "set -u; echo \"$NOT_SET\"; echo never",
    "set -o pipefail; false | true",
    "nosuchcommand --at-all",
    "echo 'unbalanced",
    "if true; then",
    // Quotes, and what shells do to them.
    "echo 'single' \"double\" mi'x'\"e\"d 'it'\\''s'",
    "echo \"a 'b' \\\"c\\\" \\$HOME \\\\ \\`d\\`\"",
    "bash -c 'echo \"$0: $1\" '\"'\"'inner'\"'\"'' name \"an 'argument'\"",
    "printf '\\n%s\\t%s\\\\n\\n' 'a\\nb' \"c\\\\d\"",
    "echo \\\\ \\\\\\\\ '\\' \"\\\\\"",
    "echo \"wow!\" 'wow!' wow! !!",
    "! true; echo $?",
    "echo `echo backticks \\`echo nested\\``",
    "echo $(echo \"$(echo \"$(echo deep)\")\")",
    "echo $((6 * 7)) ${HOME:+set} ${NOT_SET:-unset}",
    "echo ünïcödé 日本語 🪨 | cat",
    "eval 'echo \"evaluated $((1 + 1))\"'",
    // Single words. Claude Code decides which of them it quotes.
    ":",
    "pwd",
    "pwd|cat",
    "false;true",
    "false||true",
    "true&",
    "{echo,one}",
    "echo>&2",
    "$HOME",
    "~",
    "A=1",
    "A=$((1+1))",
    "./no/such-file.sh",
    "100%",
    "a@b.c:d,e+f",
    "x^y",
    "no-such-*",
    "'pwd'",
    "\"pwd\"",
    "echo\\ x",
    "#comment",
    "ünïcödé",
    // Lines.
    "echo one\necho two\necho three",
    "echo carriage\r\necho return\r\n",
    "   echo spaces around   ",
    "\n\necho empty lines around\n\n",
    "echo continued \\\n  on the next line",
    "echo comment # at the end",
    "# nothing but a comment",
    "echo semicolon;",
    "cat <<END\n$((1 + 2)) 'quoted' \"double\" \\$kept\nEND",
    "cat <<'END'\n$((1 + 2)) `kept` \\$kept\nEND\necho after",
    "cat <<-END\n\tindented\n\tEND",
    // The shell's own language.
    "f() { echo \"in f: $1\"; return 5; }; f one; echo $?",
    "a=(x 'y z' w); echo \"${#a[@]}: ${a[@]}\"",
    "for i in 1 2 3; do echo $i; done | while read -r line; do echo \"<$line>\"; done",
    "case abc in a*) echo glob;; *) echo none;; esac",
    "cat <<< 'here string'",
    "diff <(echo one) <(echo two); echo $?",
    "{ echo group; exit 4; } | cat; echo $?",
    "touch g1.txt g2.txt; echo g*.txt [g]?.txt; echo no-such-*; rm g1.txt g2.txt",
    "read -r line; echo \"status $? line '$line'\"",
    "cat; echo 'end of input'",
    "export A=1 B='two words'; unset A; env | grep -E '^(A|B)='",
    "echo \"$0|$#|$-|$*\"",
    // The process.
    "exec echo replaced",
    "exec 2>&1; echo to error >&2",
    "exec 3>&1; echo through three >&3",
    "trap 'echo at exit' EXIT; echo body",
    "trap 'echo caught; exit 6' TERM; kill -TERM $$; echo never",
    "kill -TERM $$; echo never",
    "kill -KILL $$; echo never",
    "kill -INT $$; echo after",
    "sleep 0.2 & echo started; wait; echo waited",
    "(sleep 1; echo late) &",
    "sleep 0.1 &",
    "nohup echo nohup 2>/dev/null",
    "yes | head -n 2; true",
    "timeout 0.2 sleep 5; echo $?",
    // What is inherited.
    "env | sort",
    "ulimit -a",
    "umask; umask 077; umask",
    "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status",
    "for f in /proc/self/fd/*; do echo \"${f##*/}\"; done",
    "tty; test -t 0; echo $?; test -t 1; echo $?; test -t 2; echo $?",
    "nice; pwd; echo \"$PWD\"",
    // Bytes.
    "printf '\\000\\001\\377\\376 binary'",
    "head -c 200000 /dev/zero | tr '\\0' z",
    "printf '\\033[31mred\\033[0m\\rback\\b\\a\\n'",
];

/// Commands that change the folder. Claude Code reports that in the result of the call that it answers next, so each
/// needs a message of its own to be comparable. The last ones leave the shell elsewhere on purpose. No command may
/// depend on the one before: in the background that one may not have ended.
pub(super) const MOVES: &[&str] = &[
    "cd /; pwd",
    "pwd; cd \"$HOME\" && pwd",
    "(cd /tmp && pwd); pwd",
    "cd /nowhere-at-all; pwd",
    "mkdir -p \"sub folder/sub folder\"; pwd",
    "cd \"sub folder\"; pwd; exit 2",
    "cd \"sub folder\"; pwd",
    "pwd; echo \"$OLDPWD\"",
];
