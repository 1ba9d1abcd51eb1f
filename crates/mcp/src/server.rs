//! The server: hands calls to the tools and ends with its client.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use sisyphus_control::{open_store, own_requester};

use tokio::sync::Mutex;

use crate::answer::failed;
use crate::completion::Completions;
use crate::input::Input;
use crate::request::{arguments, blocking, requester};
use crate::tools::{self, cancel, delegate, list, output, watch};
use crate::warn::warn;
use crate::watch::Keeper;

/// Serves one client until it is gone.
pub(crate) fn serve() -> ExitCode {
    match serve_one() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve_one() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("could not start")?;
    let served = runtime.block_on(async {
        let completions = Arc::new(Completions::new());
        let (stdin, stdout) = rmcp::transport::stdio();
        let input = Input { stdin, completions: Arc::clone(&completions) };
        let keeper = Keeper::default();
        keeper.resume(own_requester().map(|requester| requester.session));
        let server = Server { completions, keeper, launching: Mutex::default() };
        let running = server.serve((input, stdout)).await?;
        running.waiting().await?;
        Ok(())
    });
    // Calls that still wait have no client to answer.
    runtime.shutdown_background();
    served
}

struct Server {
    completions: Arc<Completions>,
    keeper: Keeper,
    /// Held while a session is launched. So the sessions of one message queue in the order of their calls, and each answer
    /// has the right place.
    launching: Mutex<()>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("sisyphus-tasks", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        let answered = tokio::select! {
            answered = self.answer(request, &context) => answered,
            () = context.ct.cancelled() => Err(anyhow::anyhow!("the call was cancelled")),
        };
        Ok(answered.unwrap_or_else(|error| failed(&name, &error)).into())
    }
}

impl Server {
    async fn answer(
        &self,
        request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult> {
        let requester = requester(context, open_store()?.dir());
        match request.name.as_ref() {
            list::NAME => {
                let given = arguments(request.arguments)?;
                blocking(move || list::run(&given, requester.as_ref())).await
            }
            output::NAME => {
                let request = output::OutputRequest::of(arguments(request.arguments)?)?;
                output::run(request, requester, &self.completions, context).await
            }
            watch::NAME => {
                let given = arguments(request.arguments)?;
                let keeper = self.keeper.clone();
                blocking(move || watch::run(&given, requester.as_ref(), &keeper)).await
            }
            cancel::NAME => {
                let given = arguments(request.arguments)?;
                blocking(move || cancel::run(&given, requester.as_ref())).await
            }
            delegate::NAME => {
                let given = arguments(request.arguments)?;
                let turn = self.launching.lock().await;
                delegate::run(given, requester, turn, &self.completions, context).await
            }
            _ => anyhow::bail!("there is no such tool"),
        }
    }
}
