//! The tools, one file each: their arguments, their work, their answers.

pub(crate) mod cancel;
pub(crate) mod delegate;
pub(crate) mod list;
pub(crate) mod output;
mod quotation;
mod scope;
mod task_output;
mod wait;
pub(crate) mod watch;

use std::sync::Arc;

use rmcp::handler::server::common::{schema_for_output, schema_for_type};
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde_json::{Value, json};

/// The text that Claude Code's search for tools matches; the name is Claude Code's.
const SEARCH_HINT: &str = "anthropic/searchHint";

/// All tools, as a client lists them. A watch changes nothing but what its caller is notified of. None of them can run a command. `delegate_task` starts a Claude Code, whose
/// permission rules see each of its commands.
pub(crate) fn all() -> Vec<Tool> {
    vec![
        tool::<list::Arguments, list::Listed>(
            list::NAME,
            list::DESCRIPTION,
            ToolAnnotations::new().read_only(true),
        ),
        tool::<output::Arguments, output::OutputAnswer>(
            output::NAME,
            output::DESCRIPTION,
            ToolAnnotations::new().read_only(true),
        ),
        tool::<watch::Arguments, watch::WatchAnswer>(
            watch::NAME,
            watch::DESCRIPTION,
            ToolAnnotations::new().read_only(true),
        ),
        tool::<cancel::Arguments, cancel::Cancelled>(
            cancel::NAME,
            cancel::DESCRIPTION,
            ToolAnnotations::new().read_only(false).destructive(true).idempotent(true),
        ),
        tool::<delegate::Arguments, delegate::DelegateAnswer>(
            delegate::NAME,
            delegate::DESCRIPTION,
            ToolAnnotations::new().read_only(false).destructive(true).idempotent(false),
        ),
    ]
}

fn tool<Given: JsonSchema + 'static, Answered: JsonSchema + 'static>(
    name: &'static str,
    description: &'static str,
    annotations: ToolAnnotations,
) -> Tool {
    let mut meta = JsonObject::new();
    meta.insert(
        SEARCH_HINT.to_owned(),
        json!("background command task session agent delegate status output watch monitor stop"),
    );
    Tool::new(name, description, plain(&schema_for_type::<Given>()))
        .with_raw_output_schema(plain(&schema_for_output::<Answered>()))
        .annotate(annotations.open_world(false))
        .with_meta(MetaObject(meta))
}

/// The schema without Rust's own names of number formats: Claude Code complains about them on its standard error
/// (CC-68).
fn plain(schema: &JsonObject) -> Arc<JsonObject> {
    let mut schema = Value::Object(schema.clone());
    forget_formats(&mut schema);
    let Value::Object(schema) = schema else { return Arc::default() };
    Arc::new(schema)
}

fn forget_formats(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            // A property called `format` would hold an object.
            if fields.get("format").is_some_and(Value::is_string) {
                fields.remove("format");
            }
            fields.values_mut().for_each(forget_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_formats),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
