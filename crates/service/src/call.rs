//! The words of a command as its program reads them: options, their values, and arguments.

use super::word::{fits, glob, holds};

/// How a program reads its options, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Each option is a word of its own.
    Words,
    /// Several letters may be joined in one word: `-fn`.
    Letters,
    /// Like [`Letters`](Self::Letters), and everything after the first argument belongs to another program.
    Command,
}

/// Of some programs the style, and the options whose value is the next word. The value of an unknown option stays among
/// the arguments, where it keeps patterns from matching. These are only options that may come before the words that
/// patterns name, and letters that are joined with others.
const SYNTAXES: &[(&str, Style, &str)] = &[
    ("npm", Style::Words, "--prefix -C -w --workspace"),
    ("pnpm", Style::Words, "--filter -F --dir -C"),
    ("yarn", Style::Words, "--cwd"),
    ("bun", Style::Words, "--cwd --filter -F"),
    ("vite", Style::Words, "--port --host --mode -m --config -c --base"),
    ("webpack", Style::Words, "--config -c --mode --env"),
    ("serve", Style::Words, "-l --listen -p -c --config"),
    ("http-server", Style::Words, "-p --port -a -c"),
    ("hugo", Style::Words, "-s --source -d --destination -b --baseURL"),
    ("mkdocs", Style::Words, "-f --config-file"),
    ("flask", Style::Words, "-A --app -e --env-file"),
    ("celery", Style::Words, "-A --app -b --broker --workdir"),
    ("http.server", Style::Words, "-d --directory -b --bind"),
    ("jupyter", Style::Words, "--port --ip --notebook-dir --config"),
    ("cargo", Style::Words, "-x --exec -s --shell -w -C --color"),
    ("trunk|dx|mdbook|zola", Style::Words, "--config --root -r"),
    ("gradle|gradlew|./gradlew", Style::Words, "-p --project-dir -x -b"),
    ("mvn|mvnw|./mvnw", Style::Words, "-pl -f -P -s"),
    ("air|modd", Style::Words, "-c -f"),
    ("cloudflared", Style::Words, "--url --config"),
    (
        "docker|docker-compose|podman|podman-compose",
        Style::Letters,
        "-f --file -p --project-name --profile --env-file --context -c -H --host --project-directory -n --tail \
         --since --scale",
    ),
    ("kubectl|oc", Style::Letters, "-n --namespace --context --kubeconfig -c -l -o --tail --since"),
    ("tail", Style::Letters, "-n --lines -c --bytes -s --sleep-interval"),
    ("journalctl", Style::Letters, "-u --unit -n --lines -o --output -t -p -S --since -M -D"),
    ("inotifywait", Style::Letters, "-e --event --exclude --format -o"),
    ("nc|ncat", Style::Letters, "-p -s -w -i"),
    ("dmesg", Style::Letters, "-l --level -f --facility"),
    (
        "ssh|autossh",
        Style::Letters,
        "-B -b -c -D -E -e -F -I -i -J -L -l -m -M -O -o -p -Q -R -S -W -w",
    ),
    ("watch", Style::Command, "-n --interval -q --equexit"),
    ("node", Style::Command, "-r --require --import --env-file --loader"),
    ("php", Style::Command, "-S -t -d -c -z"),
];

/// One command: a program and its words.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The program as written, and its name: `vite` for `node_modules/.bin/vite` and for `vite@5`.
    programs: [&'a str; 2],
    style: Style,
    valued: &'static str,
    /// Each option with the number of arguments before it.
    options: Vec<(usize, &'a str)>,
    arguments: Vec<&'a str>,
}

impl<'a> Call<'a> {
    /// Reads the words of a command; `None` if there are none.
    pub(super) fn of(words: &'a [String]) -> Option<Self> {
        let (program, rest) = words.split_first()?;
        let name = name_of(program);
        let known = SYNTAXES.iter().find(|(programs, ..)| fits(programs, name));
        let (style, valued) =
            known.map_or((Style::Words, ""), |(_, style, valued)| (*style, *valued));
        let (options, arguments) = (Vec::new(), Vec::new());
        let mut call = Self { programs: [program, name], style, valued, options, arguments };
        call.read(rest);
        Some(call)
    }

    fn read(&mut self, words: &'a [String]) {
        let mut rest = words.iter().map(String::as_str).peekable();
        while let Some(word) = rest.next() {
            if word == "--" {
                // Another program may read what follows: the script behind `npm run` gets options from there.
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

    /// The names by which a pattern may call the program.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'a str> {
        self.programs.into_iter()
    }

    /// The words that are neither options nor their values.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.iter().copied()
    }

    /// Whether `wanted`, in which `*` matches any characters, is among the options after the first `passed` arguments.
    pub(super) fn has_option(&self, wanted: &str, passed: usize) -> bool {
        let mut behind = self.options.iter().filter(|(before, _)| *before >= passed);
        behind.any(|(_, option)| glob(wanted, option) || self.is_joined(wanted, option))
    }

    /// Whether `wanted` is among the options, with or without a value, or among the arguments.
    pub(super) fn has_word(&self, wanted: &str) -> bool {
        let is_wanted = |option: &str| option.split('=').next() == Some(wanted);
        self.arguments.contains(&wanted)
            || self.has_option(wanted, 0)
            || self.options.iter().any(|(_, option)| is_wanted(option))
    }

    /// Whether `wanted` is a one-letter option, and one of the letters of `option`.
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
        holds(self.valued, option) || last.is_some_and(|letter| self.is_valued(letter))
    }

    /// The letters of an option that are options themselves, up to one whose value is the rest of the word.
    fn letters<'b>(&self, option: &'b str) -> &'b str {
        let letters = match self.style {
            Style::Letters | Style::Command if !option.starts_with("--") => &option[1..],
            Style::Words | Style::Letters | Style::Command => "",
        };
        let valued = letters.char_indices().find(|(_, letter)| self.is_valued(*letter));
        valued.map_or(letters, |(start, letter)| &letters[..start + letter.len_utf8()])
    }

    fn is_valued(&self, letter: char) -> bool {
        self.valued.split(' ').any(|option| option.len() == 2 && option.ends_with(letter))
    }
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// The name of a program, wherever it is installed. In other folders than `bin` the whole path is the name: `./serve`
/// may be anything.
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
