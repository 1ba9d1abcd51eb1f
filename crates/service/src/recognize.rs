//! Decides whether a command line is a service.

use super::call::Call;
use super::known::{ENDING, EXCEPTIONS, PATTERNS};
use super::launcher::{launched, without_assignments};
use super::line::simple_command;
use super::pattern::{matches, names};

/// How many programs that run one another are judged: each costs a match against all patterns.
const MAX_CALLS: usize = 8;

/// Whether `command` is a service, judged by its first words. `extra` are the user's own patterns.
///
/// A pattern with `!` in front is an exception. Exceptions outrank all other patterns, whatever their order. So an
/// exception removes one of the built-in patterns, or a part of it.
pub fn is_service(command: &str, extra: &[String]) -> bool {
    let Some(words) = simple_command(command) else { return false };
    let mut words = without_assignments(&words);
    let mut found = false;
    // A pattern for `npx vite` or one for `vite` may match `npx vite`, and so may an exception.
    for _ in 0..MAX_CALLS {
        let Some(call) = Call::of(words) else { return found };
        if is_excepted(&call, extra) {
            return false;
        }
        found = found || is_matched(&call, extra);
        words = launched(words);
    }
    // No real command has more of them, and an exception might match the rest.
    false
}

fn is_excepted(call: &Call<'_>, extra: &[String]) -> bool {
    let users = extra.iter().filter_map(|pattern| pattern.strip_prefix('!'));
    EXCEPTIONS.iter().copied().chain(users).any(|pattern| matches(pattern, call))
}

fn is_matched(call: &Call<'_>, extra: &[String]) -> bool {
    let users = extra.iter().map(String::as_str).filter(|pattern| !pattern.starts_with('!'));
    PATTERNS
        .iter()
        .copied()
        .chain(users)
        .any(|pattern| matches(pattern, call) && !ends(call, pattern))
}

/// Whether the command has a word that makes it end or detach, and that the pattern does not expect.
fn ends(call: &Call<'_>, pattern: &str) -> bool {
    ENDING.split(' ').any(|word| call.has_word(word) && !names(pattern, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(command: &str, extra: &[&str]) -> bool {
        let extra: Vec<String> = extra.iter().map(|&pattern| pattern.to_owned()).collect();
        is_service(command, &extra)
    }

    #[test]
    fn the_users_own_patterns_are_services_too() {
        let cases: [(&str, &[&str], bool); 14] = [
            ("make dev", &[], false),
            ("make dev", &["make dev|serve"], true),
            ("make -j4 serve", &["make dev|serve"], true),
            ("make build", &["make dev|serve"], false),
            ("cd api && PORT=1 sudo ./run.sh --fast > log", &["./run.sh"], true),
            ("npm run dev:mock", &["npm run dev:*"], true),
            ("mytool --follow", &["mytool --follow"], true),
            ("mytool", &["mytool --follow"], false),
            // What ends a command ends it here too, unless the pattern means just that.
            ("mytool --help", &["mytool"], false),
            ("mytool -d data", &["mytool"], false),
            ("mytool -d data", &["mytool -d"], true),
            // Only what can be judged at all.
            ("mytool; ls", &["mytool"], false),
            ("mytool | tee log", &["mytool | tee log", "mytool | tee", "mytool"], false),
            ("", &["", "*"], false),
        ];
        for (command, extra, expected) in cases {
            assert_eq!(judged(command, extra), expected, "{extra:?}: {command}");
        }
    }

    #[test]
    fn an_exception_goes_before_every_pattern() {
        let cases: [(&str, &[&str], bool); 9] = [
            ("npm start", &["!npm start"], false),
            ("npm start", &["! npm start"], false),
            ("npm run dev", &["!npm start"], true),
            ("npm run dev:mock", &["npm run dev:*", "!npm run dev:mock"], false),
            ("npm run dev:mock", &["!npm run dev:mock", "npm run dev:*"], false),
            ("docker compose up web", &["!docker compose up web"], false),
            ("docker compose up api", &["!docker compose up web"], true),
            ("npx vite", &["!vite"], false),
            ("npx vite", &["!npx", "vite"], false),
        ];
        for (command, extra, expected) in cases {
            assert_eq!(judged(command, extra), expected, "{extra:?}: {command}");
        }
    }
}
