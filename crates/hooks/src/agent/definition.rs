//! The model that an agent's definition names: in `.claude/agents/` of the project and of the user, and in this plugin.
//!
//! These files are foreign, so the hook reads few of them, little of each, and takes only a name.

use std::fs;
use std::path::{Path, PathBuf};

use sisyphus_base::atomic;
use sisyphus_base::environment::Environment;
use sisyphus_base::paths::client_config_dir;
use sisyphus_state::agents::Model;
use sisyphus_tasks::agent_call::name;

/// How much of a file is read, in bytes. The model is named at its beginning.
const HEAD: u64 = 8 * 1024;
/// How many entries of folders are examined.
const ENTRIES: usize = 300;
/// How deep below a folder the search goes.
const DEPTH: usize = 3;
/// The prefix by which others call this plugin's agents.
const OURS: &str = "sisyphus:";

/// The model in the definition of an agent; `None` if it names none, or inherits that of its session.
pub(super) fn defined_model(
    environment: &Environment,
    cwd: &Path,
    agent_type: &str,
) -> Option<String> {
    let mut left = ENTRIES;
    if let Some(agent) = agent_type.strip_prefix(OURS) {
        let root = environment.claude_plugin_root.as_ref()?;
        return find(&root.join("agents"), agent, &mut left)?.model;
    }
    let project = environment.claude_project_dir.as_deref().unwrap_or(cwd);
    let user = client_config_dir(environment).ok();
    let folders = [Some(project.join(".claude")), user];
    // The project's definition takes precedence over the user's.
    let mut folders = folders.into_iter().flatten();
    folders.find_map(|dir| find(&dir.join("agents"), agent_type, &mut left))?.model
}

/// What the file of an agent says about it.
#[derive(Default)]
struct Definition {
    name: Option<String>,
    model: Option<String>,
}

/// The definition of the agent of this name below `dir`.
fn find(dir: &Path, agent: &str, left: &mut usize) -> Option<Definition> {
    // The agent usually has the name of its file.
    let is_file_name = !agent.is_empty()
        && agent.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let read = |path: &Path| read(path).filter(|it| it.name.as_deref() == Some(agent));
    if is_file_name && let Some(found) = read(&dir.join(format!("{agent}.md"))) {
        return Some(found);
    }
    let mut open: Vec<(PathBuf, usize)> = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for entry in fs::read_dir(dir).ok().into_iter().flatten().flatten() {
            *left = left.checked_sub(1)?;
            let path = entry.path();
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && depth < DEPTH {
                open.push((path, depth + 1));
            } else if path.extension().is_some_and(|extension| extension == "md")
                && let Some(found) = read(&path)
            {
                return Some(found);
            }
        }
    }
    None
}

fn read(path: &Path) -> Option<Definition> {
    let bytes = atomic::read_linked_start(path, HEAD).ok()??;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}').strip_prefix("---")?;
    let head = text.lines().skip(1).take_while(|line| line.trim_end() != "---");
    let mut found = Definition::default();
    for line in head {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        match key {
            "name" => found.name = Some(value),
            "model" => found.model = Model::parse(&value).map(|_| name(&value)),
            _ => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use sisyphus_testing::TempDir;

    use super::*;

    #[test]
    fn the_definition_that_the_client_would_take() {
        let dir = TempDir::new();
        let environment = Environment {
            home: Some(dir.path().join("home")),
            claude_project_dir: Some(dir.path().join("proj")),
            claude_plugin_root: Some(dir.path().join("plugin")),
            ..Environment::default()
        };
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("home/.claude/agents/tester.md", "---\nname: tester\nmodel: haiku\n---\nmodel: opus\n");
        put("home/.claude/agents/both.md", "---\nname: both\nmodel: haiku\n---\n");
        put("proj/.claude/agents/both.md", "---\nname: both\nmodel: \"opus\"\n---\n");
        put("home/.claude/agents/team/x.md", "---\r\nmodel: sonnet\r\nname: other name\r\n---\r\n");
        put("proj/.claude/agents/same.md", "---\nname: same\nmodel: inherit\n---\n");
        put("home/.claude/agents/same.md", "---\nname: same\nmodel: haiku\n---\n");
        put("home/.claude/agents/prose.md", "name: prose\nmodel: haiku\n");
        put("plugin/agents/explore.md", "---\nname: explore\nmodel: haiku\n---\n");
        let cases = [
            ("tester", Some("haiku")),
            ("both", Some("opus")),
            ("other name", Some("sonnet")),
            ("same", None),
            ("prose", None),
            ("Explore", None),
            ("", None),
            ("../tester", None),
            ("sisyphus:explore", Some("haiku")),
            ("other:explore", None),
        ];
        for (agent, expected) in cases {
            let found = defined_model(&environment, Path::new("/"), agent);
            assert_eq!(found.as_deref(), expected, "{agent}");
        }
        for number in 0..400 {
            put(&format!("proj/.claude/agents/n{number}.md"), "---\nname: x\n---\n");
        }
        assert_eq!(defined_model(&environment, Path::new("/"), "other name"), None, "too many");
        assert_eq!(defined_model(&environment, Path::new("/"), "both").as_deref(), Some("opus"));
    }
}
