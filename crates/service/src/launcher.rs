//! Programs that run another program and live as long: `PORT=3000`, `npx`, `sudo`, `uv run`, …

use super::call::name_of;
use super::word::{fits, holds};

const NPX_FLAGS: &str = "-y --yes --no --no-install -q --quiet --bun";
const PACKAGE: &str = "-p --package";
const FILTER: &str = "--filter -F --dir -C --cwd";
const UV_FLAGS: &str = "-q --quiet --frozen --locked --no-sync -m";
const UV_VALUED: &str =
    "-p --python --with --from --extra --group --env-file --directory --project --package";

/// Of each launcher its first words, written like a pattern, the options without a value that it may have, and those
/// whose value is the next word. If two launchers begin with the same words, the longer one comes first.
const LAUNCHERS: &[(&str, &str, &str)] = &[
    ("npx|pnpx|bunx", NPX_FLAGS, PACKAGE),
    ("npm exec|x", NPX_FLAGS, PACKAGE),
    ("pnpm exec|dlx", NPX_FLAGS, PACKAGE),
    ("yarn exec|dlx|run", NPX_FLAGS, PACKAGE),
    ("yarn workspace *", "", ""),
    ("bun x|run", NPX_FLAGS, PACKAGE),
    // These run a program of a package, if no script has the name.
    ("pnpm|yarn", "--silent -s", FILTER),
    ("bun", "--bun --silent", FILTER),
    ("uv run", UV_FLAGS, UV_VALUED),
    ("uvx", UV_FLAGS, UV_VALUED),
    ("uv tool run", UV_FLAGS, UV_VALUED),
    ("poetry|pipenv|pdm|rye|hatch|pixi|pipx run", "-q", "-e --environment"),
    // A module, or a script like `manage.py`.
    ("python|python3|python3.*|py", "-m -u -B -O -I", "-W -X"),
    ("bundle exec", "", ""),
    ("mise exec|x", "", ""),
    ("doppler|infisical|op run", "", "--env-file --config -c --project"),
    ("dotenvx run", "-q", "-f --env-file"),
    ("dotenv|env-cmd", "", "-e -f"),
    ("env", "-i -", "-u --unset -C --chdir"),
    ("sudo|doas", "-E -H -n", "-u -g --user"),
    ("time", "-p", ""),
    ("cross-env|nohup|unbuffer|command|winpty", "", ""),
    ("exec", "", "-a"),
    ("nice", "", "-n --adjustment"),
    ("ionice", "", "-c -n"),
    ("stdbuf", "-oL -o0 -eL -e0 -iL -i0", "-o -e -i"),
    ("caffeinate", "-d -i -m -s", ""),
];

/// The command that the launcher at the beginning of `words` runs; no words if there is none.
pub(super) fn launched(words: &[String]) -> &[String] {
    let rest = LAUNCHERS.iter().find_map(|launcher| behind(launcher, words));
    rest.map_or(&[], without_assignments)
}

/// The words after any `NAME=value`.
pub(super) fn without_assignments(words: &[String]) -> &[String] {
    let assigned = words.iter().take_while(|word| is_assignment(word)).count();
    &words[assigned..]
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// The words after this launcher and its options. An option that is not listed may mean anything.
fn behind<'a>(launcher: &(&str, &str, &str), words: &'a [String]) -> Option<&'a [String]> {
    let (start, flags, valued) = launcher;
    let mut rest = words;
    for (position, wanted) in start.split(' ').enumerate() {
        let (word, behind) = rest.split_first()?;
        let word = if position == 0 { name_of(word) } else { word };
        if !fits(wanted, word) {
            return None;
        }
        rest = behind;
    }
    while let Some((word, behind)) = rest.split_first() {
        if holds(flags, word) {
            rest = behind;
        } else if holds(valued, word) {
            rest = behind.split_first()?.1;
        } else if word == "--" {
            return Some(behind);
        } else {
            break;
        }
    }
    Some(rest)
}
