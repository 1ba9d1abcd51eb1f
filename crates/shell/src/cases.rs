//! Command lines that hide an exit code and command lines that do not, as people and models write them.

use super::{CodeZero, Place, code_zero};

/// Each with the program whose exit code 0 it is.
const PIPELINES: &[(&str, &str)] = &[
    ("npm test | tail -5", "tail"),
    ("npm test 2>&1 | tail -n 20", "tail"),
    ("npm test |& tail", "tail"),
    ("npm test|tail", "tail"),
    ("cargo test --workspace 2>&1 | grep -E 'test result|FAILED' | head -50", "head"),
    ("pytest -x 2>&1 | tee /tmp/test.log", "tee"),
    ("make -j4 > build.log 2>&1 | cat", "cat"),
    ("cd web && npm run build 2>&1 | tail -3", "tail"),
    ("cd web; npm run build | tail -3;", "tail"),
    ("cd web || exit 1; npm run build | tail -3", "tail"),
    ("cd web || exit 1\nnpm run build | tail -3\n", "tail"),
    ("npm ci\nnpm test | tail\n# done\n", "tail"),
    ("npm ci && npm run lint && npm test | tail", "tail"),
    ("npm test |\n  tail -5", "tail"),
    ("npm test \\\n  | tail -5", "tail"),
    ("CI=1 npm test | LC_ALL=C sort", "sort"),
    ("npm test | /usr/bin/tail -5", "tail"),
    ("time npm test | tail", "tail"),
    ("set -e; npm test | tail", "tail"),
    ("set -eux\nnpm test | tail", "tail"),
    ("(cd web && npm test) | tail", "tail"),
    ("{ npm ci; npm test; } 2>&1 | tail -20", "tail"),
    ("for i in 1 2 3; do npm test || exit 1; done | tail", "tail"),
    ("for f in *.test\ndo\n  node \"$f\"\ndone 2>&1 | grep -c ok", "grep"),
    ("while read -r line; do echo \"$line\"; done < in.txt | sort", "sort"),
    ("if [ -f a ]; then npm test; elif [ -f b ]; then true; else npm ci; fi | tail", "tail"),
    ("if [ -f a ]\nthen npm ci\nfi\nnpm test | tail", "tail"),
    ("echo \"a | b\" | wc -l", "wc"),
    ("echo \"$(npm test | tail)\" | cat", "cat"),
    ("echo `npm test | tail` | cat", "cat"),
    ("echo \"${HOME}\" $'it\\'s' | cat", "cat"),
    ("diff <(sort a) <(sort b) | head", "head"),
    ("npm test | tee >(grep FAIL > failures)", "tee"),
    ("python3 - <<'EOF' | tail -5\nimport os\nprint('a | b; exit')\nEOF", "tail"),
    ("cat <<-E | sort\n\tb\n\ta\n\tE\n", "sort"),
    ("grep -c x <<< 'a b' | cat", "cat"),
    ("npm test | tail # the rest is noise", "tail"),
    ("npm test | tail > out 2>&1 < /dev/null", "tail"),
    ("npm test &> log | tail", "tail"),
    ("node server.js & sleep 1; curl -s localhost | jq .", "jq"),
    ("find . -name '*.rs' | xargs wc -l", "xargs"),
    ("source .venv/bin/activate && pytest | tail", "tail"),
    (". \"$HOME/.cargo/env\" && cargo test | tail", "tail"),
    ("docker exec web npm test | tail", "tail"),
    ("npm test | [ -n x ]", "["),
    ("npm test | true", "true"),
    ("a || b; c | d", "d"),
    ("(a || b) && c | d", "d"),
    ("a || b && c | d", "d"),
    ("! a | b; c | d", "d"),
    ("ssh host 'a | b' | tail", "tail"),
    ("npm test | grep ✓ | cat", "cat"),
];

/// Each with the `true` whose exit code 0 it is, and where that stands.
const SUCCESSES: &[(&str, &str, Place)] = &[
    ("npm test || true", "true", Place::AfterOr),
    ("npm test || :", ":", Place::AfterOr),
    ("npm test || /bin/true", "true", Place::AfterOr),
    ("npm test 2>&1 | tail || true", "true", Place::AfterOr),
    ("set -e; npm test || true", "true", Place::AfterOr),
    ("cd web && npm test || true # flaky", "true", Place::AfterOr),
    ("npm test ||\n  true\n", "true", Place::AfterOr),
    ("npm test; true", "true", Place::AtEnd),
    ("npm test ; true ;", "true", Place::AtEnd),
    ("npm test\ntrue", "true", Place::AtEnd),
    ("npm ci && npm test; :", ":", Place::AtEnd),
    ("for i in 1 2; do npm test; done; true", "true", Place::AtEnd),
    ("npm test | tail; true", "true", Place::AtEnd),
];

/// Where nothing is said: the code says enough, or nothing is certain.
const NOTHING: &[&str] = &[
    "",
    "   ",
    "npm test",
    "npm test > log 2>&1",
    "npm test >| log",
    "a || b",
    "a && b",
    "a; b",
    "a | b && c",
    "a | b; c",
    "a | b\nc",
    "a | b || c",
    "a | b || exit 1",
    // Every exit code counts.
    "set -o pipefail; npm test | tail",
    "set -euo pipefail\nnpm test | tail",
    "set -eo pipefail && npm test | tail",
    "set -o \"pipefail\"; npm test | tail",
    "setopt pipefail; npm test | tail",
    "setopt PIPE_FAIL; npm test | tail",
    "shopt -so pipefail; npm test | tail",
    "(set -o pipefail; npm test | tail)",
    "bash -o pipefail -c 'npm test | tail'",
    "bash -eo pipefail -c \"npm test | tail\" | cat",
    "npm test | tail; exit ${PIPESTATUS[0]}",
    "npm test | tail; echo ${PIPESTATUS[@]} | cat",
    "npm test | tail; echo $pipestatus[1] | cat",
    "set -o $OPTION; npm test | tail",
    "set -o \"pipe\"\"fail\"; npm test | tail",
    "setopt $OPTION; npm test | tail",
    "emulate zsh -o $OPTION; npm test | tail",
    // The pipe is inside something else.
    "echo 'a | b'",
    "echo \"a | b\"",
    "echo a \\| b",
    "echo $'a | b'",
    "# a | b",
    "npm test # | tail",
    "x=$(a | b)",
    "echo \"$(a | b)\"",
    "echo `a | b`",
    "diff <(a | b) <(c | d)",
    "(a | b)",
    "{ a | b; }",
    "for i in 1 2; do a | b; done",
    "while true; do a | b; done",
    "if a | b; then c; fi",
    "bash -c 'a | b'",
    "eval 'a | b'",
    "cat <<EOF\na | b\nEOF",
    "cat <<'EOF' > f\na | b\nEOF\n",
    "python - <<E\nx | y\nE\nnpm test",
    "case $x in a|b) c;; esac",
    "case $x in a|b) c;; esac | tail",
    "[[ a == b || c ]]",
    "[[ $x =~ a|b ]]",
    "grep 'a|b' f",
    "sed 's|a|b|' f",
    // It may not have run, the shell may have ended before it, or does not wait for it.
    "a || b | c",
    "a && b || c | d",
    "! a | b",
    "a | b &",
    "a | tail & wait",
    "exit; a | b",
    "[ -f done ] && exit 0; a | b",
    "[ -f done ] && exit $CODE; a | b",
    "[ -f done ] && exec ./other; a | b",
    "command exec ./other; a | b",
    "a || return; b | c",
    "trap 'exit 0' ERR; a | b",
    "source ./setup.sh && a | b",
    ". ./setup.sh; a | b",
    "eval \"$(setup)\"; a | b",
    "set -- a b; c | d",
    "f() { a | b; }; f",
    "f() { a; }; f | tail",
    "function f { a | b; }; f",
    // What the last program is, is not certain.
    "a | $PAGER",
    "a | \"tail\"",
    "a | while read -r line; do echo \"$line\"; done",
    "a | (b)",
    "a | { b; }",
    "a | X=1",
    "a | > out",
    "a | ./tools/$x/run",
    // No shell accepts these, or this crate does not understand them.
    "a |",
    "| a",
    "a | | b",
    "a ||| b",
    "a | b)",
    "(a | b",
    "a | b; }",
    "a | b && ",
    "a | 'b",
    "a | b \"",
    "a | b `",
    "a | b $(c",
    "a | b ${c",
    "a | b \\",
    "a | b >",
    "a | cat <<E\nb",
    "a | cat <<E",
    "a | b ;; c",
    "a | b\r\n",
    "x=(a b); c | d",
    "ls !(x) | tail",
    "ls *(.) | tail",
    "((1 | 2)) && a | b",
    "echo \"${x:-a | b}\" | cat; (",
    // True here says nothing else.
    "true",
    ":",
    "npm test && true",
    "npm test & true",
    "npm test || true; npm run lint",
    "npm test || true && npm run lint",
    "npm test || (true)",
    "npm test || true | cat",
    "npm test || echo failed",
    "npm test || false",
    "npm test; ! true",
    "npm test; true > f",
    "npm test; $true",
    "npm test; 'true'",
    "set -e; npm test; true",
    "set -e\nnpm test\ntrue",
    "(set -e; npm test); true",
    "npm test || exit 0; true",
    "echo 'npm test || true'",
    "bash -c 'npm test || true'",
    "npm test # || true",
    "npm test || trueish",
    "while :; do a; done",
    // PowerShell's own words.
    "Get-ChildItem | Where-Object { $_.Length -gt 1 } | Select-Object -First (5)",
    "npm test; if ($LASTEXITCODE) { exit 1 }",
];

fn zero(program: &str, place: Place) -> CodeZero {
    CodeZero { program: program.to_owned(), place }
}

#[test]
fn the_last_of_a_pipeline() {
    for (command, program) in PIPELINES {
        let expected = zero(program, Place::PipelineEnd);
        assert_eq!(code_zero(command), Some(expected), "{command}");
    }
}

#[test]
fn a_true_at_the_end() {
    for (command, program, place) in SUCCESSES {
        assert_eq!(code_zero(command), Some(zero(program, *place)), "{command}");
    }
}

#[test]
fn nothing_is_said_in_doubt() {
    for command in NOTHING {
        assert_eq!(code_zero(command), None, "{command}");
    }
}

/// `code_zero` looks at 4 kB, at names of 30 characters and at some levels of nesting, and no more.
#[test]
fn what_is_too_long_is_not_judged() {
    let padded = |length: usize| format!("a | b {}", "x".repeat(length - 6));
    assert_eq!(code_zero(&padded(4096)), Some(zero("b", Place::PipelineEnd)));
    assert_eq!(code_zero(&padded(4097)), None);
    let named = |length: usize| format!("a | {}", "x".repeat(length));
    assert_eq!(code_zero(&named(30)).unwrap().program.len(), 30);
    assert_eq!(code_zero(&named(31)), None);
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}a{} | b", open.repeat(depth), close.repeat(depth))
    };
    assert!(code_zero(&nested("( ", ")", 1)).is_some());
    assert!(code_zero(&nested("{ ", ";}", 10)).is_some());
    assert_eq!(code_zero(&nested("{ ", ";}", 1_000)), None);
    assert!(code_zero(&nested("x $(", ")", 8)).is_some());
    assert_eq!(code_zero(&nested("x $(", ")", 600)), None);
}
