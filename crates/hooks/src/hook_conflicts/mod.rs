//! Finds out whether another PreToolUse hook of this session may see Bash.
//!
//! If two hooks answer with `updatedInput`, the last one to finish wins. So a reply of ours could undo another plugin's
//! rewrite, perhaps one that was made for safety. Whatever can't be read or is unknown counts as another hook.

mod arguments;
mod declared;
mod detect;
mod folder;
mod front_matter;

pub(crate) use detect::detect;
