//! `docs/what-claude-reads.md`, from the examples in `wording`.

use std::env;
use std::process::id;

use anyhow::{Context as _, Result};
use sisyphus_harness::remove;
use sisyphus_wording::examples::{Example, examples};

const HEAD: &str = "\
<!-- Made by `cargo xtask docs` from crates/wording/src/examples.rs; `cargo xtask tidy` holds the two equal. -->
# What Claude reads

Each text that the hooks add to a conversation, once, as the program prints it. A token is counted as four characters.
Quoted lines are not counted. Of the output of a command, the user decides how many there are
(`sisyphus.output_lines`); a success shows five at most.
";

/// The page.
pub(super) fn page() -> Result<String> {
    let folder = env::temp_dir().join(format!("sisyphus-texts-{}", id()));
    let made = examples(&folder).context("could not write the outputs of the examples");
    remove(&folder)?;
    Ok(made?.iter().fold(HEAD.to_owned(), |page, example| page + &section(example)))
}

fn section(example: &Example) -> String {
    let Example { occasion, text, budget } = example;
    let tokens = example.tokens();
    let limit = budget.map(|budget| format!(" of at most {budget}")).unwrap_or_default();
    format!("\n## {occasion}\n\nTokens: {tokens}{limit}.\n\n```text\n{}\n```\n", text.trim_end())
}
