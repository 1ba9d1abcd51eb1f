//! `sisyphus demo`: one background command's whole way, through the hook binaries that are installed, without the
//! client. It works in a scratch folder and leaves nothing behind. The installer ends with it: it is a self-check too.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sisyphus_core::execution_string::as_written;
use sisyphus_core::paths::create_scratch_dir;

use crate::print;

const COMMAND: &str =
    "sleep 1; echo 'auth/login.test: expected 200, got 401'; echo '47 passed, 3 failed'; exit 3";
const SESSION: &str = "demo-session";
const CLIENT_ID: &str = "bdemo0001";

/// Runs the demonstration; an error means that the installation does not work.
pub(crate) fn demo() -> Result<()> {
    let stage = Stage::new()?;
    print::out("A session starts: its shells are attached.\n")?;
    let started = stage.hook(
        "session-start",
        &json!({ "hook_event_name": "SessionStart", "source": "startup" }),
    )?;
    anyhow::ensure!(
        started.is_null(),
        "the SessionStart hook said something unexpected: {started}"
    );

    print::out(&format!("The model starts a command in the background:\n  {COMMAND}\n"))?;
    let input =
        json!({ "command": COMMAND, "description": "run the tests", "run_in_background": true });
    let call = json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_demo", "tool_input": input });
    let announced = stage.hook("pre-tool-use", &call)?;
    anyhow::ensure!(announced.is_null(), "the PreToolUse hook changed the call: {announced}");
    let mut shell = stage.shell()?;
    let response = json!({ "stdout": "", "stderr": "", "backgroundTaskId": CLIENT_ID });
    let mut bound = call;
    bound["hook_event_name"] = "PostToolUse".into();
    bound["tool_response"] = response;
    stage.hook("post-tool-use", &bound)?;

    print::out("The model goes on with other work, and the command ends.\n")?;
    let status = shell.child.wait().context("could not wait for the command")?;
    anyhow::ensure!(
        status.code() == Some(3),
        "the command ended with {status} instead of exit code 3"
    );

    let notice = stage.hook("user-prompt-submit", &stage.notice())?;
    let reminder = notice["hookSpecificOutput"]["additionalContext"].as_str();
    let reminder =
        reminder.context("the result did not arrive: see `hooks.log` in the state folder")?;
    anyhow::ensure!(
        reminder.contains("failed with exit code 3 after"),
        "the reminder lacks the outcome:\n{reminder}"
    );
    anyhow::ensure!(
        reminder.contains("| 47 passed, 3 failed"),
        "the reminder lacks the output:\n{reminder}"
    );
    print::out(&format!(
        "Right behind Claude Code's own notice the model then reads:\n\n{}\n",
        indent(reminder)
    ))?;

    let again = stage.hook("user-prompt-submit", &stage.notice())?;
    anyhow::ensure!(again["decision"] == "block", "the result was delivered twice: {again}");
    Ok(())
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A scratch folder in the shape that the client gives its own.
struct Stage {
    dir: PathBuf,
    hooks: PathBuf,
}

impl Stage {
    fn new() -> Result<Self> {
        // First what may fail: a stage that is not whole would not be removed.
        let hooks = hooks_dir()?;
        let stage = Self { hooks, dir: create_scratch_dir("sisyphus-demo")? };
        stage.be_silent().context("could not write the settings of the demonstration")?;
        Ok(stage)
    }

    /// What fails here on purpose is no news for anybody's desktop.
    fn be_silent(&self) -> std::io::Result<()> {
        let config = self.dir.join("config");
        fs::create_dir(&config)?;
        let settings = json!({ "background_notifications": false });
        fs::write(config.join("settings.json"), settings.to_string())
    }

    fn apply(&self, command: &mut Command) {
        command
            .env("SISYPHUS_STATE_DIR", self.dir.join("state"))
            .env("CLAUDE_CODE_TMPDIR", &self.dir)
            .env("CLAUDE_CONFIG_DIR", self.dir.join("config"))
            .env("CLAUDE_ENV_FILE", self.env_file())
            .env_remove("CLAUDE_PLUGIN_ROOT")
            .current_dir(&self.dir);
    }

    fn env_file(&self) -> PathBuf {
        self.dir.join("env.sh")
    }

    /// Runs one hook binary as the client does.
    fn hook(&self, name: &str, event: &Value) -> Result<Value> {
        let path = self.hooks.join(format!("sisyphus-{name}{}", std::env::consts::EXE_SUFFIX));
        let context = || format!("could not run `{}`", path.display());
        let mut event = event.clone();
        event["session_id"] = SESSION.into();
        event["cwd"] = self.dir.to_string_lossy().into();
        let mut command = Command::new(&path);
        self.apply(&mut command);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(context)?;
        let mut stdin = child.stdin.take().with_context(context)?;
        // One that ends without reading says more by its exit status.
        let _ = stdin.write_all(event.to_string().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().with_context(context)?;
        anyhow::ensure!(
            output.status.success(),
            "`{}` ended with {}",
            path.display(),
            output.status
        );
        if output.stdout.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{}` printed no JSON", path.display()))
    }

    fn output_file(&self) -> Result<PathBuf> {
        // The hooks made the folder that bears the user's number.
        let entries = fs::read_dir(&self.dir).context("could not read the scratch folder")?;
        let client = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("claude"))
            })
            .context("the hooks made no run folder")?;
        Ok(client.join("demo").join(SESSION).join("tasks").join(format!("{CLIENT_ID}.output")))
    }

    /// Starts the shell as the client does: the session's env file, then the command.
    fn shell(&self) -> Result<Shell> {
        let path = self.output_file()?;
        let parent = path.parent().context("an output file has a folder")?;
        fs::create_dir_all(parent)
            .with_context(|| format!("could not create `{}`", parent.display()))?;
        let output = File::create(&path)
            .with_context(|| format!("could not create `{}`", path.display()))?;
        let attached =
            fs::read_to_string(self.env_file()).context("the session was not attached")?;
        let string = format!(
            "true && {attached}: && eval {} < /dev/null && pwd -P >| /dev/null",
            as_written(COMMAND)
        );
        let mut command = Command::new("bash");
        self.apply(&mut command);
        command
            .args(["-c", &string])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(Shell { child: command.spawn().context("could not start bash")? })
    }

    /// The client's notice of the end.
    fn notice(&self) -> Value {
        let file = self.output_file().map(|path| path.display().to_string()).unwrap_or_default();
        let prompt = format!(
            "<task-notification>\n<task-id>{CLIENT_ID}</task-id>\n<tool-use-id>toolu_demo</tool-use-id>\n\
             <output-file>{file}</output-file>\n<status>failed</status>\n\
             <summary>Background command \"run the tests\" failed with exit code 3</summary>\n</task-notification>"
        );
        json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The shell of the demonstration. Its stage stays until it has ended, whatever went wrong on it; killed, it might leave
/// a process behind that still writes there.
struct Shell {
    child: Child,
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.wait();
    }
}

/// The hook binaries: `hooks/bin` of the plugin that this command belongs to, or beside it where it was built.
fn hooks_dir() -> Result<PathBuf> {
    let own = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .context("could not find this command")?;
    let dir = own.parent().context("this command has no folder")?;
    let installed = dir.parent().map(|plugin| plugin.join("hooks/bin"));
    let has_hooks =
        |dir: &Path| dir.join(format!("sisyphus-stop{}", std::env::consts::EXE_SUFFIX)).exists();
    let candidates = installed.into_iter().chain([dir.to_owned()]);
    candidates
        .into_iter()
        .find(|dir| has_hooks(dir))
        .context("the hook binaries are not there: run install.sh again")
}
