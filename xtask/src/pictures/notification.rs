//! The notification of a failed command, by a real notification daemon on a display and a session bus of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sisyphus_testing::{Client, Shell, TestEnv, wait_for};

use crate::tools;

/// Each program, and its package in Debian and Ubuntu.
const TOOLS: [(&str, &str); 4] = [
    ("Xvfb", "xvfb"),
    ("dbus-daemon", "dbus-daemon"),
    ("dunst", "dunst"),
    ("import", "imagemagick"),
];
/// The icons of an outcome, of the package `adwaita-icon-theme`.
const ICONS: &str = "/usr/share/icons/Adwaita/48x48/legacy";
const SCREEN: &str = "640x200x24";
/// Larger than the picture of an empty screen, in bytes.
const EMPTY: usize = 1_000;
/// The project that people see.
const PROJECT: &str = "shop";
/// Long enough for a time in whole seconds.
const TESTS: &str = "sleep 12; cat <<'END'
running 42 tests
test cart::an_empty_cart_costs_nothing ... ok

thread 'cart::a_coupon_lowers_the_price' panicked at src/cart.rs:118:9:
assertion `left == right` failed

test result: FAILED. 41 passed; 1 failed
END
exit 101";
const LINE: &str = "sh test.sh";
const DUNST: &str = "[global]
follow = none
width = 600
height = 300
origin = top-left
offset = 0x0
frame_width = 1
frame_color = \"#444c56\"
separator_height = 0
font = DejaVu Sans 11
markup = full
format = \"<b>%s</b>\\n%b\"
icon_position = left
icon_path = ICONS
min_icon_size = 48
padding = 12
horizontal_padding = 14
text_icon_padding = 14
show_indicators = no
[urgency_normal]
background = \"#22272e\"
foreground = \"#e6edf3\"
timeout = 0
";

/// A process that is ended with the scene, however that ends.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        // Not killed: a display removes its files in `/tmp`.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

pub(super) fn shoot() -> Result<Vec<u8>> {
    tools::need(&TOOLS)?;
    ensure!(Path::new(ICONS).is_dir(), "icons are missing; {}", tools::line("adwaita-icon-theme"));
    let client = Client::new(Shell::Bash);
    let env = &client.env;
    // From the last to the first: the daemon ends before its bus and its display.
    let (_display, name) = display(env)?;
    let _bus = bus(env)?;
    let _daemon = daemon(env, &name)?;
    failed_tests(&client)?;
    let path = env.path().join("notification.png");
    let mut before = Vec::new();
    let picture = wait_for("the same notification twice", || {
        let now = photograph(env, &name, &path).ok()?;
        let is_steady = now.len() > EMPTY && now == before;
        before.clone_from(&now);
        is_steady.then_some(now)
    });
    Ok(picture)
}

/// A free display, and its name.
fn display(env: &TestEnv) -> Result<(Helper, String)> {
    let mut start = env.plain("Xvfb");
    start.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"]);
    let (helper, number) = started(&mut start)?;
    Ok((helper, format!(":{number}")))
}

fn bus(env: &TestEnv) -> Result<Helper> {
    let mut start = env.plain("dbus-daemon");
    start.args(["--session", "--nofork", "--print-address"]);
    start.arg(format!("--address=unix:path={}", env.bus().display()));
    Ok(started(&mut start)?.0)
}

fn daemon(env: &TestEnv, display: &str) -> Result<Helper> {
    let settings = env.path().join("dunstrc");
    fs::write(&settings, DUNST.replace("ICONS", ICONS))
        .context("could not write the settings of dunst")?;
    let mut start = env.plain("dunst");
    start.arg("-conf").arg(&settings);
    start.env("DISPLAY", display).stdout(Stdio::null()).stderr(Stdio::null());
    let helper = Helper(start.spawn().with_context(|| format!("could not start {start:?}"))?);
    // It is there once it answers.
    wait_for("dunst", || {
        let said = env.run("sisyphus", &["notify"]).stdout;
        said.contains("dunst").then_some(())
    });
    Ok(helper)
}

/// Starts a program that says a line when it is ready.
fn started(start: &mut Command) -> Result<(Helper, String)> {
    start.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = start.spawn().with_context(|| format!("could not start {start:?}"))?;
    let output = child.stdout.take().context("a pipe")?;
    let helper = Helper(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "{start:?} ended early");
    Ok((helper, line.trim_end().to_owned()))
}

/// The runner sees the end, and starts the notifier.
fn failed_tests(client: &Client) -> Result<()> {
    let folder = client.env.path().join(PROJECT);
    fs::create_dir(&folder)?;
    fs::write(client.env.project().join("test.sh"), TESTS)?;
    let call = json!({
        "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_use_id": "toolu_tests", "cwd": folder,
        "tool_input": { "command": LINE, "description": "run the tests", "run_in_background": true },
    });
    client.hook("sisyphus-pre-tool-use", call.clone());
    let running = client.start(LINE);
    client.bind(call, &running);
    running.wait();
    Ok(())
}

/// The screen, less what is black around the notification.
fn photograph(env: &TestEnv, display: &str, path: &Path) -> Result<Vec<u8>> {
    let mut import = env.plain("import");
    import.args(["-window", "root", "-trim", "+repage", "-strip"]).arg(path);
    import.env("DISPLAY", display).stdout(Stdio::null()).stderr(Stdio::null());
    let status = import.status().with_context(|| format!("could not start {import:?}"))?;
    ensure!(status.success(), "{import:?} ended with {status}");
    fs::read(path).context("could not read the picture")
}
