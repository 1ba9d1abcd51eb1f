//! A terminal of a known size, with a command line of ours in it.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use sisyphus_testing::{Output, TestEnv, env};

/// What a terminal gets to see.
pub(crate) struct Terminal<'a> {
    env: &'a TestEnv,
    size: (u16, u16),
    variables: String,
    redirection: &'static str,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(env: &'a TestEnv) -> Self {
        Self { env, size: (80, 24), variables: String::new(), redirection: "" }
    }

    pub(crate) fn sized(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push_str(&format!("{name}={value} "));
        self
    }

    /// Sends an output elsewhere, as a shell says it.
    pub(crate) fn redirected(mut self, redirection: &'static str) -> Self {
        self.redirection = redirection;
        self
    }

    fn command(&self, args: &str) -> Command {
        let sisyphus = self.env.command("sisyphus").get_program().to_str().unwrap().to_owned();
        let (columns, rows) = self.size;
        let line = format!(
            "stty cols {columns} rows {rows}; {}exec {sisyphus} {args} {}",
            if self.variables.is_empty() {
                String::new()
            } else {
                format!("export {}; ", self.variables)
            },
            self.redirection
        );
        let mut command = Command::new("script");
        self.env.apply(&mut command);
        command.env("SHELL", "/bin/sh");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        command
    }

    /// Runs it to its end. The terminal's own line breaks are made plain ones.
    pub(crate) fn run(&self, args: &str) -> Output {
        let mut output = env::run(self.command(args), b"");
        output.stdout = output.stdout.replace("\r\n", "\n");
        output
    }

    /// Starts it, to be looked at while it runs.
    pub(crate) fn start(&self, args: &str) -> Screen {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut piece) {
                sink.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        Screen { child, seen }
    }
}

/// A terminal in which something runs. That ends with it.
pub(crate) struct Screen {
    child: Child,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// Types on its keyboard.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end, and returns the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Everything that was sent to it so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).replace("\r\n", "\n")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Without the other end of its terminal the command is hung up.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
