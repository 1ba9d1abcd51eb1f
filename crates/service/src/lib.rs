//! Commands that run until they are stopped: dev servers, watchers, followers of logs.
//!
//! A service holds no slot and gets no time limit of ours. So to mistake an ordinary command for a service costs a lot;
//! the other mistake costs little. Hence this crate judges a command only if it understands the whole line, and by its
//! first words.
//!
//! ```text
//! line        one simple command, its words without quotes; anything more complex is not judged
//! launcher    programs that run another program: `npx`, `sudo`, `uv run`, …
//! word        whether one word of a pattern fits one of a command
//! call        the words as their program reads them: arguments, options
//! pattern     the language of the built-in patterns and of the user's own
//! known       the built-in patterns
//! recognize   the decision
//! group       the user's groups of commands with a limit of their own: another question, the same language
//! listens     whether a line of a service's output says where it listens
//! ```

mod call;
mod group;
mod known;
mod launcher;
mod line;
mod listens;
mod pattern;
mod recognize;
mod word;

#[cfg(test)]
mod cases;

pub use group::is_in_group;
pub use listens::says_where_it_listens;
pub use recognize::is_service;
