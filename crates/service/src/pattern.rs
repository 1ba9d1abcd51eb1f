//! The language of patterns, built-in ones and the user's: the beginning of a command, word by word.
//!
//! | in a pattern | means |
//! |---|---|
//! | `npm run dev` | these words first; options may come between them, and anything may follow |
//! | `dev\|start` | one of the two |
//! | `*` | any characters of one word |
//! | `-w\|--watch` | one of these options, anywhere after the words before it |
//! | `$` at the end | no further word, options aside |

use super::call::Call;
use super::word::fits;

/// Whether the pattern fits the call.
pub(super) fn matches(pattern: &str, call: &Call<'_>) -> bool {
    let mut wanted = pattern.split_whitespace();
    let Some(program) = wanted.next() else { return false };
    if !call.programs().any(|name| fits(program, name)) {
        return false;
    }
    let mut arguments = call.arguments();
    let mut passed = 0;
    wanted.all(|word| match word {
        "$" => arguments.next().is_none(),
        option if option.starts_with('-') => {
            option.split('|').any(|option| call.has_option(option, passed))
        }
        word => {
            passed += 1;
            arguments.next().is_some_and(|argument| fits(word, argument))
        }
    })
}

/// Whether the pattern itself has this word.
pub(super) fn names(pattern: &str, word: &str) -> bool {
    pattern.split([' ', '|']).any(|named| named == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_beginning_of_a_command() {
        let cases = [
            ("npm run dev", "npm run dev", true),
            ("npm run dev", "npm run dev now", true),
            ("npm run dev", "npm run", false),
            ("npm run dev", "npm run -s dev", true),
            ("npm run dev", "npm --prefix web run dev", true),
            ("npm run dev", "npm --unknown web run dev", false),
            ("npm run a|b", "npm run b", true),
            ("npm run a|b", "npm run a|b", false),
            ("npm run x*", "npm run xy", true),
            ("npm|yarn", "yarn", true),
            ("* run", "x run", true),
            ("vite $", "vite", true),
            ("vite $", "vite --port 3", true),
            ("vite $", "vite --host --port 3", true),
            ("vite $", "vite optimize", false),
            ("vite $", "vite -- optimize", false),
            ("tsc -w|--watch", "tsc -p x -w", true),
            ("tsc -w|--watch", "tsc x --watch", true),
            ("tsc -w|--watch", "tsc --watch=false", false),
            ("tsc -w|--watch", "tsc -pw", false),
            ("npm test --watch", "npm test -- --watch", true),
            ("docker compose logs -f", "docker compose -f x.yml logs", false),
            ("docker compose logs -f", "docker compose -f x.yml logs web -f", true),
            ("tail -f", "tail -100f x", true),
            ("tail -f", "tail -n 5 x", false),
            ("tail -f", "tail -n5f x", false),
            ("node --watch", "node x.js --watch", false),
            ("./dev.sh", "./dev.sh", true),
            ("dev.sh", "./dev.sh", false),
            ("rails s", "bin/rails s", true),
            ("", "npm", false),
            (" ", "npm", false),
            ("|", "npm", false),
            ("$", "npm", false),
        ];
        for (pattern, command, expected) in cases {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(
                matches(pattern, &Call::of(&words).unwrap()),
                expected,
                "{pattern}: {command}"
            );
        }
    }
}
