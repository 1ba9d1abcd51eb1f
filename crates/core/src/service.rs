//! Commands that run until somebody stops them: dev servers, watchers, followers of logs.

/// Words, in their order, by which a command is known as a service. `*` stands for any one word; words in between
/// are allowed to follow, not to come in between.
const PATTERNS: [&[&str]; 22] = [
    &["npm", "start"],
    &["npm", "run", "dev"],
    &["npm", "run", "start"],
    &["npm", "run", "serve"],
    &["npm", "run", "watch"],
    &["pnpm", "dev"],
    &["pnpm", "run", "dev"],
    &["yarn", "dev"],
    &["yarn", "start"],
    &["bun", "dev"],
    &["bun", "run", "dev"],
    &["vite"],
    &["npx", "vite"],
    &["next", "dev"],
    &["npx", "next", "dev"],
    &["cargo", "watch"],
    &["python", "-m", "http.server"],
    &["python3", "-m", "http.server"],
    &["rails", "server"],
    &["tail", "-f"],
    &["tail", "-F"],
    &["docker", "compose", "up"],
];

/// Whether `command` is, by its first words, a service.
///
/// Only a simple command is judged: in one with `;`, `&&`, a pipe or a line break it is not certain what decides when
/// it ends.
pub fn is_service(command: &str) -> bool {
    let command = command.trim();
    if command.contains(['\n', ';', '|', '&', '`', '(']) {
        return false;
    }
    let words: Vec<&str> =
        command.split_whitespace().skip_while(|word| is_assignment(word)).collect();
    let matches = PATTERNS.iter().any(|pattern| words.starts_with(pattern));
    let detached = words
        .iter()
        .any(|word| matches!(*word, "-d" | "--detach" | "build" | "--version" | "--help"));
    matches && !detached
}

/// `NAME=value` in front of a command.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_their_near_misses() {
        let cases = [
            ("npm run dev", true),
            ("  PORT=3000 npm run dev -- --host", true),
            ("npm start", true),
            ("vite", true),
            ("vite --port 4000", true),
            ("vite build", false),
            ("npx vite build", false),
            ("next dev", true),
            ("next build", false),
            ("tail -f log/dev.log", true),
            ("tail -n 5 log/dev.log", false),
            ("tail -f a.log | head -3", false),
            ("docker compose up", true),
            ("docker compose up -d", false),
            ("docker compose up --detach db", false),
            ("docker compose down", false),
            ("python3 -m http.server 8000", true),
            ("python3 -m pytest", false),
            ("npm run dev && npm test", false),
            ("timeout 5 npm run dev", false),
            ("npm run devtools-test", false),
            ("npm test", false),
            ("echo npm run dev", false),
        ];
        for (command, expected) in cases {
            assert_eq!(is_service(command), expected, "{command}");
        }
    }
}
