//! Commands that run until somebody stops them: dev servers, watchers, followers of logs.
//!
//! A service gets no time limit of its own accord and holds no slot, so an ordinary command must not be taken for one;
//! the other mistake costs little. Hence only a command whose whole line is understood is judged, by its first words.
//!
//! ```text
//! line        one simple command, its words without quotes; anything with more than that is not judged
//! launcher    what may stand in front of a program: `npx`, `sudo`, `uv run`, …
//! call        the words as their program reads them: arguments, options
//! pattern     the language that known and the user's own patterns are written in
//! known       the patterns that every user has
//! recognize   the decision
//! ```

mod call;
mod known;
mod launcher;
mod line;
mod pattern;
mod recognize;

#[cfg(test)]
mod cases;

pub use recognize::is_service;
