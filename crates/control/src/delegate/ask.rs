//! What a session is asked to do: checked before anything starts. Pure, but for the look for a repository.

use std::path::Path;

use anyhow::{Result, ensure};
use sisyphus_base::id::TaskId;
use sisyphus_settings::Settings;
use sisyphus_state::sessions::{repository, worktree_path};

/// Longest prompt, in bytes.
const PROMPT_MAX: usize = 1024 * 1024;
/// Longest description, in characters.
const DESCRIPTION_MAX: usize = 200;
/// Longest name of an agent, a model or a worktree, in characters.
const NAME_MAX: usize = 100;
/// Longest time limit, in milliseconds: a week.
const LIMIT_MAX_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// A request, as the caller gives it.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    pub description: String,
    pub prompt: String,
    pub agent: Option<String>,
    pub model: Option<String>,
    /// The conversation or the task to continue.
    pub continues: Option<String>,
    pub worktree: Option<WorktreeAsk>,
    pub max_budget_usd: Option<f64>,
    pub limit_ms: Option<u64>,
}

/// Which worktree a session gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorktreeAsk {
    /// A new one.
    Any,
    Named(String),
}

/// How the caller wrote the request, which an error repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As the fields of the tool.
    Fields,
    /// As options of the command line.
    Options,
}

impl Form {
    /// The option, or the field.
    fn name(self, option: &'static str, field: &'static str) -> &'static str {
        match self {
            Self::Fields => field,
            Self::Options => option,
        }
    }
}

/// A request without mistakes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Order {
    pub(super) description: String,
    pub(super) prompt: String,
    pub(super) agent: Option<String>,
    pub(super) model: Option<String>,
    pub(super) continues: Option<String>,
    pub(super) worktree: Option<String>,
    pub(super) max_budget_usd: Option<f64>,
    pub(super) limit_ms: u64,
}

impl Ask {
    pub(super) fn checked(self, settings: &Settings, project: &Path, form: Form) -> Result<Order> {
        let prompt = form.name("the prompt", "`prompt`");
        ensure!(!self.prompt.trim().is_empty(), "wrong arguments: {prompt} is empty");
        ensure!(!self.prompt.contains('\0'), "wrong arguments: {prompt} has a NUL character");
        ensure!(
            self.prompt.len() <= PROMPT_MAX,
            "wrong arguments: {prompt} has {} bytes, at most {PROMPT_MAX} are accepted; write it to a file and name that",
            self.prompt.len()
        );
        for (option, field, value) in
            [("--agent", "agent", &self.agent), ("--model", "model", &self.model)]
        {
            let is_name = |text: &String| {
                let plain = |it: char| it.is_ascii_alphanumeric() || "-_.:/@[]".contains(it);
                (1..=NAME_MAX).contains(&text.len()) && text.chars().all(plain)
            };
            let is_argument = |text: &String| text.starts_with('-');
            let is_right = value.as_ref().is_none_or(|text| is_name(text) && !is_argument(text));
            let name = form.name(option, field);
            ensure!(is_right, "wrong arguments: `{name}` is no name of one");
        }
        let its_name = form.name("--worktree", "worktree");
        let worktree = match self.worktree {
            None => None,
            Some(asked) => {
                ensure!(
                    self.continues.is_none(),
                    "wrong arguments: a continued session stays where it was; leave out `{its_name}`"
                );
                ensure!(
                    repository(project).is_some(),
                    "could not make a worktree: `{}` is in no git repository; leave out `{its_name}`",
                    project.display()
                );
                let name = worktree(asked, form)?;
                let path = worktree_path(project, &name);
                ensure!(
                    path.symlink_metadata().is_err(),
                    "could not make the worktree `{name}`: there is one; continue its session, or choose another name"
                );
                Some(name)
            }
        };
        let description: String = self.description.chars().take(DESCRIPTION_MAX).collect();
        Ok(Order {
            description,
            prompt: self.prompt,
            agent: self.agent,
            model: self.model,
            continues: self.continues,
            worktree,
            max_budget_usd: budget(self.max_budget_usd, form)?,
            limit_ms: limit(self.limit_ms, settings, form)?,
        })
    }
}

fn worktree(asked: WorktreeAsk, form: Form) -> Result<String> {
    let WorktreeAsk::Named(name) = asked else { return Ok(TaskId::random().to_string()) };
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    ensure!(
        (1..=NAME_MAX).contains(&name.len())
            && name.chars().all(plain)
            && !name.starts_with(['-', '.'])
            && !name.contains(".."),
        "wrong arguments: {} is a name of letters, digits, `-`, `_` and `.`{}",
        form.name("`--worktree`", "`worktree`"),
        form.name("", ", or true")
    );
    Ok(name)
}

fn budget(asked: Option<f64>, form: Form) -> Result<Option<f64>> {
    ensure!(
        asked.is_none_or(|asked| asked.is_finite() && asked > 0.0),
        "wrong arguments: `{}` is a number of dollars above 0",
        form.name("--budget", "max_budget_usd")
    );
    Ok(asked)
}

fn limit(asked: Option<u64>, settings: &Settings, form: Form) -> Result<u64> {
    let Some(asked) = asked else { return Ok(settings.task_ttl_ms) };
    let minutes = LIMIT_MAX_MS / 60_000;
    let range = match form {
        Form::Fields => format!("`timeout_ms` is from 1 to {LIMIT_MAX_MS}, a week"),
        Form::Options => format!("`--timeout` is from 1 to {minutes} minutes, a week"),
    };
    ensure!((1..=LIMIT_MAX_MS).contains(&asked), "wrong arguments: {range}");
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    fn ask() -> Ask {
        Ask { description: "d".to_owned(), prompt: "p".to_owned(), ..Ask::default() }
    }

    /// Each row: a change of a right request, and a word of its error.
    #[test]
    fn each_mistake_is_named() {
        let text = |text: &str| Some(text.to_owned());
        let named = |name: &str| Some(WorktreeAsk::Named(name.to_owned()));
        let cases = [
            (Ask { prompt: String::new(), ..ask() }, "`prompt` is empty"),
            (Ask { prompt: " \n".into(), ..ask() }, "`prompt` is empty"),
            (Ask { prompt: "a\0b".into(), ..ask() }, "NUL"),
            (Ask { prompt: "x".repeat(PROMPT_MAX + 1), ..ask() }, "1048577 bytes"),
            (Ask { agent: text(""), ..ask() }, "`agent`"),
            (Ask { agent: text("--settings"), ..ask() }, "`agent`"),
            (Ask { agent: text("a b"), ..ask() }, "`agent`"),
            (Ask { model: text("-m"), ..ask() }, "`model`"),
            (Ask { model: Some("m".repeat(101)), ..ask() }, "`model`"),
            (Ask { worktree: named("../up"), ..ask() }, "`worktree`"),
            (Ask { worktree: named("-w"), ..ask() }, "`worktree`"),
            (Ask { worktree: named(""), ..ask() }, "`worktree`"),
            (Ask { worktree: named("a..b"), ..ask() }, "`worktree`"),
            (Ask { worktree: named("w"), continues: text("t1"), ..ask() }, "stays where it was"),
            (Ask { max_budget_usd: Some(0.0), ..ask() }, "`max_budget_usd`"),
            (Ask { max_budget_usd: Some(f64::NAN), ..ask() }, "`max_budget_usd`"),
            (Ask { limit_ms: Some(0), ..ask() }, "`timeout_ms`"),
            (Ask { limit_ms: Some(LIMIT_MAX_MS + 1), ..ask() }, "`timeout_ms`"),
        ];
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join(".git")).unwrap();
        for (ask, words) in cases {
            let said = format!("{ask:?}").chars().take(200).collect::<String>();
            let error = ask
                .clone()
                .checked(&Settings::default(), dir.path(), Form::Fields)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{said}: {error}");
            let error = ask.checked(&Settings::default(), dir.path(), Form::Options);
            let error = error.unwrap_err().to_string();
            let names_field = ["`prompt`", "`agent`", "`worktree`", "_usd", "_ms", "or true"];
            assert!(!names_field.iter().any(|it| error.contains(it)), "{said}: {error}");
        }
        assert!(ask().checked(&Settings::default(), dir.path(), Form::Fields).is_ok());
    }

    #[test]
    fn a_worktree_needs_a_repository() {
        let dir = TempDir::new();
        let below = dir.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let wanted = || Ask { worktree: Some(WorktreeAsk::Any), ..ask() };
        let error =
            wanted().checked(&Settings::default(), &below, Form::Fields).unwrap_err().to_string();
        assert!(error.contains("is in no git repository"), "{error}");
        // A worktree's own `.git` is a file.
        std::fs::write(dir.path().join(".git"), "gitdir: x").unwrap();
        let order = wanted().checked(&Settings::default(), &below, Form::Fields).unwrap();
        assert!(order.worktree.is_some_and(|name| name.starts_with('t')));
    }
}
