//! Programs that run another program and live as long: `PORT=3000`, `npx`, `sudo`, `uv run`, …

use super::call::name_of;
use super::pattern::fits;

/// A program that runs another one.
struct Launcher {
    /// Its first words, written like a pattern.
    start: &'static str,
    /// Options without a value that it may have.
    flags: &'static [&'static str],
    /// Options whose value is the next word.
    valued: &'static [&'static str],
}

const fn launcher(
    start: &'static str,
    flags: &'static [&'static str],
    valued: &'static [&'static str],
) -> Launcher {
    Launcher { start, flags, valued }
}

const NPX_FLAGS: &[&str] = &["-y", "--yes", "--no", "--no-install", "-q", "--quiet", "--bun"];
const PACKAGE: &[&str] = &["-p", "--package"];
const FILTER: &[&str] = &["--filter", "-F", "--dir", "-C", "--cwd"];
const UV_FLAGS: &[&str] = &["-q", "--quiet", "--frozen", "--locked", "--no-sync", "-m"];
const UV_VALUED: &[&str] = &[
    "-p",
    "--python",
    "--with",
    "--from",
    "--extra",
    "--group",
    "--env-file",
    "--directory",
    "--project",
    "--package",
];

/// If two launchers begin with the same words, the longer one comes first.
const LAUNCHERS: [Launcher; 28] = [
    launcher("npx|pnpx|bunx", NPX_FLAGS, PACKAGE),
    launcher("npm exec|x", NPX_FLAGS, PACKAGE),
    launcher("pnpm exec|dlx", NPX_FLAGS, PACKAGE),
    launcher("yarn exec|dlx|run", NPX_FLAGS, PACKAGE),
    launcher("yarn workspace *", &[], &[]),
    launcher("bun x|run", NPX_FLAGS, PACKAGE),
    // These run a program of a package, if no script has the name.
    launcher("pnpm|yarn", &["--silent", "-s"], FILTER),
    launcher("bun", &["--bun", "--silent"], FILTER),
    launcher("uv run", UV_FLAGS, UV_VALUED),
    launcher("uvx", UV_FLAGS, UV_VALUED),
    launcher("uv tool run", UV_FLAGS, UV_VALUED),
    launcher("poetry|pipenv|pdm|rye|hatch|pixi|pipx run", &["-q"], &["-e", "--environment"]),
    // A module, or a script like `manage.py`.
    launcher("python|python3|python3.*|py", &["-m", "-u", "-B", "-O", "-I"], &["-W", "-X"]),
    launcher("bundle exec", &[], &[]),
    launcher("mise exec|x", &[], &[]),
    launcher("doppler|infisical|op run", &[], &["--env-file", "--config", "-c", "--project"]),
    launcher("dotenvx run", &["-q"], &["-f", "--env-file"]),
    launcher("dotenv|env-cmd", &[], &["-e", "-f"]),
    launcher("cross-env", &[], &[]),
    launcher("env", &["-i", "-"], &["-u", "--unset", "-C", "--chdir"]),
    launcher("sudo|doas", &["-E", "-H", "-n"], &["-u", "-g", "--user"]),
    launcher("time", &["-p"], &[]),
    launcher("nohup|unbuffer|command|winpty", &[], &[]),
    launcher("exec", &[], &["-a"]),
    launcher("nice", &[], &["-n", "--adjustment"]),
    launcher("ionice", &[], &["-c", "-n"]),
    launcher("stdbuf", &["-oL", "-o0", "-eL", "-e0", "-iL", "-i0"], &["-o", "-e", "-i"]),
    launcher("caffeinate", &["-d", "-i", "-m", "-s"], &[]),
];

/// The command that the launcher at the beginning of `words` runs; no words if there is none.
pub(super) fn launched(words: &[String]) -> &[String] {
    for launcher in &LAUNCHERS {
        if let Some(rest) = launcher.pass(words) {
            return without_assignments(rest);
        }
    }
    &[]
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

impl Launcher {
    /// The words after this launcher and its options. An option that is not listed may mean anything.
    fn pass<'a>(&self, words: &'a [String]) -> Option<&'a [String]> {
        let mut rest = words;
        for (position, wanted) in self.start.split(' ').enumerate() {
            let (word, behind) = rest.split_first()?;
            let word = if position == 0 { name_of(word) } else { word };
            if !fits(wanted, word) {
                return None;
            }
            rest = behind;
        }
        while let Some((word, behind)) = rest.split_first() {
            if self.flags.contains(&word.as_str()) {
                rest = behind;
            } else if self.valued.contains(&word.as_str()) {
                rest = behind.split_first()?.1;
            } else if word == "--" {
                return Some(behind);
            } else {
                break;
            }
        }
        Some(rest)
    }
}
