//! The tools, one file each: their arguments, what they do, what they answer.

pub(crate) mod cancel;
pub(crate) mod list;
pub(crate) mod output;
mod reach;

pub(crate) use reach::complain;

use std::sync::Arc;

use rmcp::handler::server::common::{schema_for_output, schema_for_type};
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde_json::json;

/// What the client's own search for tools matches (its name in the client).
const SEARCH_HINT: &str = "anthropic/searchHint";

/// All tools, as a client lists them. None of them can run a command.
pub(crate) fn all() -> Vec<Tool> {
    vec![
        tool::<list::Arguments, list::Listed>(
            list::NAME,
            list::DESCRIPTION,
            ToolAnnotations::new().read_only(true),
        ),
        tool::<output::Arguments, output::Told>(
            output::NAME,
            output::DESCRIPTION,
            ToolAnnotations::new().read_only(true),
        ),
        tool::<cancel::Arguments, cancel::Cancelled>(
            cancel::NAME,
            cancel::DESCRIPTION,
            ToolAnnotations::new().read_only(false).destructive(true).idempotent(true),
        ),
    ]
}

fn tool<Given: JsonSchema + 'static, Answered: JsonSchema + 'static>(
    name: &'static str,
    description: &'static str,
    annotations: ToolAnnotations,
) -> Tool {
    let mut meta = JsonObject::new();
    meta.insert(SEARCH_HINT.to_owned(), json!("background command task status output stop"));
    Tool::new(name, description, input::<Given>())
        .with_raw_output_schema(schema_for_output::<Answered>())
        .annotate(annotations.open_world(false))
        .with_meta(MetaObject(meta))
}

fn input<Given: JsonSchema + 'static>() -> Arc<JsonObject> {
    schema_for_type::<Given>()
}
