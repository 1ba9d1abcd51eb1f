//! Claude Code's side of the server: the official MCP client, with which tests call tools as a model does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, MetaObject,
    ProgressNotificationParam, RequestMetaObject, ServerResult, Tool,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestHandle, RunningService};
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientHandler, RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use sisyphus_testing::shell::Running;
use sisyphus_testing::{Client, TestEnv, failure_notice};
use tokio::runtime::Runtime;

/// Longer than any call may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection to a server.
pub(crate) struct Model {
    runtime: Runtime,
    service: RunningService<RoleClient, Ear>,
    heard: Heard,
    pub(crate) pid: i32,
}

type Heard = Arc<Mutex<Vec<ProgressNotificationParam>>>;

struct Ear(Heard);

impl ClientHandler for Ear {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.0.lock().unwrap().push(params);
    }
}

/// What a tool answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) data: Value,
    pub(crate) is_error: bool,
}

impl Answer {
    fn of(result: CallToolResult) -> Self {
        let texts = result.content.iter().filter_map(|block| block.as_text());
        Self {
            text: texts.map(|block| block.text.clone()).collect(),
            data: result.structured_content.unwrap_or_default(),
            is_error: result.is_error == Some(true),
        }
    }

    /// The answer, which must be none of an error.
    pub(crate) fn good(self) -> Self {
        assert!(!self.is_error, "{self:?}");
        self
    }

    /// What is said of the error that it must be.
    pub(crate) fn error(self) -> String {
        assert!(self.is_error, "{self:?}");
        self.text
    }
}

impl Model {
    /// Starts a server as Claude Code does in the session `session-1`.
    pub(crate) fn of(client: &Client) -> Self {
        Self::start(&client.env, Some("session-1"))
    }

    /// Starts a server with what the environment says of the session.
    pub(crate) fn start(env: &TestEnv, session: Option<&str>) -> Self {
        let mut command = env.command("sisyphus-mcp");
        if let Some(session) = session {
            command.env("CLAUDE_CODE_SESSION_ID", session);
        }
        Self::of_command(command)
    }

    /// Starts a server with this command.
    pub(crate) fn of_command(command: std::process::Command) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let heard = Heard::default();
        let ear = Ear(Arc::clone(&heard));
        let (service, pid) = runtime.block_on(async {
            let transport = TokioChildProcess::new(tokio::process::Command::from(command)).unwrap();
            let pid = transport.id().unwrap().cast_signed();
            (ear.serve(transport).await.unwrap(), pid)
        });
        Self { runtime, service, heard, pid }
    }

    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.runtime.block_on(self.service.list_all_tools()).unwrap()
    }

    /// Calls a tool and waits for its answer.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.call_as(tool, arguments, None)
    }

    /// Calls a tool as the model's call with this id.
    pub(crate) fn call_as(&self, tool: &str, arguments: Value, id: Option<&str>) -> Answer {
        let handle = self.begin(tool, arguments, id);
        self.end(handle)
    }

    /// Calls a tool.
    pub(crate) fn begin(
        &self,
        tool: &str,
        arguments: Value,
        id: Option<&str>,
    ) -> RequestHandle<RoleClient> {
        let mut params = CallToolRequestParams::new(tool.to_owned());
        params.arguments = arguments.as_object().cloned();
        let mut options = PeerRequestOptions::no_options();
        options.timeout = Some(LIMIT);
        options.meta = id.map(|id| {
            let meta = json!({ "claudecode/toolUseId": id });
            RequestMetaObject::from(MetaObject(meta.as_object().unwrap().clone()))
        });
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        self.runtime
            .block_on(self.service.peer().send_cancellable_request(request, options))
            .unwrap()
    }

    /// Waits for the answer to a call.
    pub(crate) fn end(&self, handle: RequestHandle<RoleClient>) -> Answer {
        let result = self.runtime.block_on(handle.await_response()).unwrap();
        let ServerResult::CallToolResult(result) = result else {
            panic!("no result of a tool: {result:?}")
        };
        Answer::of(result)
    }

    /// Takes a call back.
    pub(crate) fn take_back(&self, handle: RequestHandle<RoleClient>) {
        self.runtime.block_on(handle.cancel(None)).unwrap();
    }

    /// What the server has said of the progress of calls.
    pub(crate) fn heard(&self) -> Vec<ProgressNotificationParam> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn list(&self, arguments: Value) -> Answer {
        self.call("background_list", arguments)
    }

    pub(crate) fn output(&self, arguments: Value) -> Answer {
        self.call("background_output", arguments)
    }

    pub(crate) fn cancel(&self, arguments: Value) -> Answer {
        self.call("background_cancel", arguments)
    }
}

/// A command that prints `ready` and ends with `code` once the file `go` is there.
pub(crate) fn held(code: i32) -> String {
    format!("echo ready; until [ -e go ]; do sleep 0.02; done; echo over; exit {code}")
}

/// Lets those go.
pub(crate) fn let_go(client: &Client) {
    std::fs::write(client.env.project().join("go"), "").unwrap();
}

/// Claude Code announces that a command failed. Returns what our hook answers.
pub(crate) fn announced(client: &Client, running: &Running, code: i32) -> Value {
    let call = json!({ "tool_use_id": "toolu_0", "tool_input": { "description": "a test" } });
    let prompt = failure_notice(&call, running, code);
    let event = json!({ "hook_event_name": "UserPromptSubmit", "prompt": prompt });
    client.hook("sisyphus-user-prompt-submit", event)
}
