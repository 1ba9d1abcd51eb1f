//! A session bus of its own, and a notification daemon on it.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "the protocol says what a call carries"
)]

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use futures_lite::future::block_on;
use sisyphus_testing::TestEnv;
use zbus::OwnedVariant;
use zbus::connection::Builder;

/// One call of `Notify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: u32,
    /// The notification whose place it takes; 0 is none.
    pub(crate) replaces: u32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) icon: String,
    pub(crate) urgency: Option<u8>,
}

/// A bus, ended with the test.
pub(crate) struct Bus {
    daemon: Child,
}

impl Bus {
    pub(crate) fn start(env: &TestEnv) -> Self {
        let config = env.path().join("bus.conf");
        std::fs::write(&config, configuration(&env.bus())).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address"])
            .arg(format!("--config-file={}", config.display()))
            .stdout(Stdio::piped())
            // It complains about limits of this machine.
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon, of the Debian package `dbus-daemon`");
        // It is there once it says where.
        let mut said = [0; 1];
        daemon.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        Self { daemon }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// No services: nothing of this machine is started for a test.
fn configuration(socket: &Path) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><type>session</type>\
         <listen>unix:path={}</listen><policy context=\"default\"><allow send_destination=\"*\"/>\
         <allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
        socket.display()
    )
}

/// A daemon that shows nothing and remembers everything.
pub(crate) struct Recorder {
    _connection: zbus::Connection,
    calls: Arc<Mutex<Vec<Call>>>,
    closed: Arc<Mutex<Vec<u32>>>,
    dismissed: Arc<Mutex<Vec<u32>>>,
}

struct Server {
    calls: Arc<Mutex<Vec<Call>>>,
    closed: Arc<Mutex<Vec<u32>>>,
    dismissed: Arc<Mutex<Vec<u32>>>,
    capabilities: Vec<String>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    fn get_capabilities(&self) -> Vec<String> {
        self.capabilities.clone()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("Recorder".to_owned(), "tests".to_owned(), "1".to_owned(), "1.2".to_owned())
    }

    #[expect(clippy::too_many_arguments, reason = "the protocol has so many")]
    fn notify(
        &self,
        _app: String,
        replaces: u32,
        icon: String,
        title: String,
        body: String,
        _actions: Vec<String>,
        hints: HashMap<String, OwnedVariant>,
        _timeout: i32,
    ) -> u32 {
        let mut calls = self.calls.lock().unwrap();
        let id = if replaces == 0 { u32::try_from(calls.len()).unwrap() + 1 } else { replaces };
        let urgency = hints.get("urgency").and_then(|it| u8::try_from(it.clone()).ok());
        calls.push(Call { id, replaces, title, body, icon, urgency });
        id
    }

    /// The protocol wants an error for a notification that is not there any more.
    fn close_notification(&self, id: u32) -> zbus::fdo::Result<()> {
        self.closed.lock().unwrap().push(id);
        if self.dismissed.lock().unwrap().contains(&id) {
            return Err(zbus::fdo::Error::Failed(String::new()));
        }
        Ok(())
    }
}

impl Recorder {
    pub(crate) fn start(env: &TestEnv, capabilities: &[&str]) -> Self {
        let (calls, closed, dismissed) = (Arc::default(), Arc::default(), Arc::default());
        let server = Server {
            calls: Arc::clone(&calls),
            closed: Arc::clone(&closed),
            dismissed: Arc::clone(&dismissed),
            capabilities: capabilities.iter().map(|&it| it.to_owned()).collect(),
        };
        let address = format!("unix:path={}", env.bus().display());
        let connection = block_on(
            Builder::address(address.as_str())
                .name("org.freedesktop.Notifications")
                .serve_at("/org/freedesktop/Notifications", server)
                .build(),
        );
        Self { _connection: connection.unwrap(), calls, closed, dismissed }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The user takes a notification from the screen.
    pub(crate) fn dismiss(&self, id: u32) {
        self.dismissed.lock().unwrap().push(id);
    }

    /// The notifications that were taken from the screen.
    pub(crate) fn closed(&self) -> Vec<u32> {
        self.closed.lock().unwrap().clone()
    }
}
