//! The words of a command as its program reads them: what is an option, what the value of one, what an argument.

use super::pattern::{fits, glob};

/// How a program reads its options, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Each option is a word of its own.
    Words,
    /// Letters may be joined in one word: `-fn`.
    Letters,
    /// Like [`Letters`](Self::Letters), and what follows the first argument is another program's.
    Command,
}

/// What is known of the options of some programs.
struct Syntax {
    programs: &'static str,
    style: Style,
    /// Options that take the next word for their value. Unknown ones leave theirs among the arguments, where it keeps
    /// patterns from matching.
    valued: &'static [&'static str],
}

/// Of a program that is not listed.
const UNKNOWN: Syntax = Syntax { programs: "", style: Style::Words, valued: &[] };

const fn syntax(programs: &'static str, style: Style, valued: &'static [&'static str]) -> Syntax {
    Syntax { programs, style, valued }
}

/// Only options that may stand before the words that patterns look for, and letters that others are joined with.
const SYNTAXES: [Syntax; 31] = [
    syntax("npm", Style::Words, &["--prefix", "-C", "-w", "--workspace"]),
    syntax("pnpm", Style::Words, &["--filter", "-F", "--dir", "-C"]),
    syntax("yarn", Style::Words, &["--cwd"]),
    syntax("bun", Style::Words, &["--cwd", "--filter", "-F"]),
    syntax("vite", Style::Words, &["--port", "--host", "--mode", "-m", "--config", "-c", "--base"]),
    syntax("webpack", Style::Words, &["--config", "-c", "--mode", "--env"]),
    syntax("serve", Style::Words, &["-l", "--listen", "-p", "-c", "--config"]),
    syntax("http-server", Style::Words, &["-p", "--port", "-a", "-c"]),
    syntax("hugo", Style::Words, &["-s", "--source", "-d", "--destination", "-b", "--baseURL"]),
    syntax("mkdocs", Style::Words, &["-f", "--config-file"]),
    syntax("flask", Style::Words, &["-A", "--app", "-e", "--env-file"]),
    syntax("celery", Style::Words, &["-A", "--app", "-b", "--broker", "--workdir"]),
    syntax("http.server", Style::Words, &["-d", "--directory", "-b", "--bind"]),
    syntax("jupyter", Style::Words, &["--port", "--ip", "--notebook-dir", "--config"]),
    syntax("cargo", Style::Words, &["-x", "--exec", "-s", "--shell", "-w", "-C", "--color"]),
    syntax("trunk|dx|mdbook|zola", Style::Words, &["--config", "--root", "-r"]),
    syntax("gradle|gradlew|./gradlew", Style::Words, &["-p", "--project-dir", "-x", "-b"]),
    syntax("mvn|mvnw|./mvnw", Style::Words, &["-pl", "-f", "-P", "-s"]),
    syntax("air|modd", Style::Words, &["-c", "-f"]),
    syntax("cloudflared", Style::Words, &["--url", "--config"]),
    syntax(
        "docker|docker-compose|podman|podman-compose",
        Style::Letters,
        &[
            "-f",
            "--file",
            "-p",
            "--project-name",
            "--profile",
            "--env-file",
            "--context",
            "-c",
            "-H",
            "--host",
            "--project-directory",
            "-n",
            "--tail",
            "--since",
            "--scale",
        ],
    ),
    syntax(
        "kubectl|oc",
        Style::Letters,
        &["-n", "--namespace", "--context", "--kubeconfig", "-c", "-l", "-o", "--tail", "--since"],
    ),
    syntax("tail", Style::Letters, &["-n", "--lines", "-c", "--bytes", "-s", "--sleep-interval"]),
    syntax(
        "journalctl",
        Style::Letters,
        &[
            "-u", "--unit", "-n", "--lines", "-o", "--output", "-t", "-p", "-S", "--since", "-M",
            "-D",
        ],
    ),
    syntax("inotifywait", Style::Letters, &["-e", "--event", "--exclude", "--format", "-o"]),
    syntax("nc|ncat", Style::Letters, &["-p", "-s", "-w", "-i"]),
    syntax("dmesg", Style::Letters, &["-l", "--level", "-f", "--facility"]),
    syntax(
        "ssh|autossh",
        Style::Letters,
        &[
            "-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-M",
            "-O", "-o", "-p", "-Q", "-R", "-S", "-W", "-w",
        ],
    ),
    syntax("watch", Style::Command, &["-n", "--interval", "-q", "--equexit"]),
    syntax("node", Style::Command, &["-r", "--require", "--import", "--env-file", "--loader"]),
    syntax("php", Style::Command, &["-S", "-t", "-d", "-c", "-z"]),
];

/// One command: a program and what it is started with.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// As it was written, and as it is called: `node_modules/.bin/vite` is `vite`, `vite@5` too.
    programs: [&'a str; 2],
    style: Style,
    valued: &'static [&'static str],
    /// Each with the number of arguments before it.
    options: Vec<(usize, &'a str)>,
    arguments: Vec<&'a str>,
}

impl<'a> Call<'a> {
    /// `None` if there is no word.
    pub(super) fn of(words: &'a [String]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let name = name_of(program);
        let syntax = SYNTAXES.iter().find(|syntax| fits(syntax.programs, name)).unwrap_or(&UNKNOWN);
        let mut call = Self {
            programs: [program, name],
            style: syntax.style,
            valued: syntax.valued,
            options: Vec::new(),
            arguments: Vec::new(),
        };
        call.read(rest);
        Some(call)
    }

    fn read(&mut self, words: &'a [String]) {
        let mut rest = words.iter().map(String::as_str).peekable();
        while let Some(word) = rest.next() {
            if word == "--" {
                // Another program may read what follows: the script behind `npm run` takes options from there.
                for word in rest.by_ref() {
                    self.options.extend(is_option(word).then_some((self.arguments.len(), word)));
                    self.arguments.push(word);
                }
            } else if is_option(word) {
                self.options.push((self.arguments.len(), word));
                if self.takes_value(word) {
                    rest.next_if(|value| !is_option(value));
                }
            } else {
                self.arguments.push(word);
                if self.style == Style::Command {
                    self.arguments.extend(rest.by_ref());
                }
            }
        }
    }

    /// By what the program may be called in a pattern.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'a str> {
        self.programs.into_iter()
    }

    /// The words that are neither options nor their values.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.iter().copied()
    }

    /// Whether `wanted`, in which `*` stands for any characters, is among the options behind the first `passed`
    /// arguments.
    pub(super) fn has_option(&self, wanted: &str, passed: usize) -> bool {
        let mut behind = self.options.iter().filter(|(before, _)| *before >= passed);
        behind.any(|(_, option)| glob(wanted, option) || self.is_joined(wanted, option))
    }

    /// Whether `wanted` is among the options, maybe with a value, or among the arguments.
    pub(super) fn has_word(&self, wanted: &str) -> bool {
        let is_wanted = |option: &str| option.split('=').next() == Some(wanted);
        self.arguments.contains(&wanted)
            || self.has_option(wanted, 0)
            || self.options.iter().any(|(_, option)| is_wanted(option))
    }

    /// Whether `wanted` is a letter, and one of those of `option`.
    fn is_joined(&self, wanted: &str, option: &str) -> bool {
        let mut letters = wanted.strip_prefix('-').unwrap_or_default().chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => self.letters(option).contains(letter),
            _ => false,
        }
    }

    /// Whether the value of `option` is the next word.
    fn takes_value(&self, option: &str) -> bool {
        let letters = self.letters(option);
        let last = letters.chars().next_back().filter(|_| letters.len() + 1 == option.len());
        self.valued.contains(&option) || last.is_some_and(|letter| self.is_valued(letter))
    }

    /// The letters of an option that are options themselves: up to one whose value is the rest of the word.
    fn letters<'b>(&self, option: &'b str) -> &'b str {
        let letters = match self.style {
            Style::Letters | Style::Command if !option.starts_with("--") => &option[1..],
            Style::Words | Style::Letters | Style::Command => "",
        };
        let valued = letters.char_indices().find(|(_, letter)| self.is_valued(*letter));
        valued.map_or(letters, |(start, letter)| &letters[..start + letter.len_utf8()])
    }

    fn is_valued(&self, letter: char) -> bool {
        self.valued.iter().any(|option| option.len() == 2 && option.ends_with(letter))
    }
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// What a program is called, wherever it is installed. Of other folders than `bin` this is not known: `./serve` may be
/// anything.
pub(super) fn name_of(program: &str) -> &str {
    let name = match program.rsplit_once('/') {
        Some((folder, name)) if matches!(folder.rsplit('/').next(), Some("bin" | ".bin")) => name,
        Some(_) | None => program,
    };
    match name.rfind('@') {
        Some(version) if version > 0 => &name[..version],
        Some(_) | None => name,
    }
}
