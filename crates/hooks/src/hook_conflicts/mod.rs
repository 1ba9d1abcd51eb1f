//! Finds out whether another PreToolUse hook of this session may see Bash.
//!
//! Of two hooks that answer `updatedInput` the last to finish wins, so a reply of ours could undo another plugin's
//! rewrite, maybe one that was made for safety. Whatever can't be read or is not known counts as another hook.

mod arguments;
mod declared;
mod detect;
mod folder;
mod front_matter;

pub(crate) use detect::detect;
