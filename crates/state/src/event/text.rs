//! The text of an event: one object with its name, then its fields.
//!
//! serde can write and read that form (`tag`), but reads it by way of a buffer, for which the compiler makes the code of
//! each record in an event once more. So we let serde read the object of the fields under the name, `{NAME: {FIELDS}}`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::value::RawValue;
use sisyphus_base::json;

use super::Event;

/// The field with the name.
const NAME: &str = "event";

impl Event {
    /// The text of the event, on one line.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let text = json::line(self).context("could not encode an event")?;
        let fields = str::from_utf8(&text).ok().and_then(|text| {
            let (name, fields) = text.strip_prefix("{\"")?.strip_suffix('}')?.split_once("\":{")?;
            Some(format!("{{\"{NAME}\":\"{name}\",{fields}").into_bytes())
        });
        fields.context("an event has no fields")
    }

    /// Reads the text of an event, with its fields in any order.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(text)?;
        let name = fields.remove(NAME).context("an event has no name")?;
        let name: String = serde_json::from_slice(name.get().as_bytes())?;
        Ok(serde_json::from_slice(&json::line(&BTreeMap::from([(name, fields)]))?)?)
    }
}

#[cfg(test)]
mod tests {
    use sisyphus_base::id::{SessionId, TaskId};

    use super::*;

    /// The text is the one that other versions write and read.
    #[test]
    fn the_name_stands_first_among_the_fields() {
        let event = Event::Adopted {
            tasks: vec![TaskId::new("t1").unwrap()],
            from: vec![SessionId::new("s0").unwrap()],
            by: SessionId::new("s1").unwrap(),
            client: None,
        };
        let text = r#"{"event":"adopted","tasks":["t1"],"from":["s0"],"by":"s1"}"#;
        assert_eq!(String::from_utf8(event.encode().unwrap()).unwrap(), text);
        let turned = r#"{"by":"s1","event":"adopted","tasks":["t1"],"from":["s0"],"newer":{}}"#;
        for text in [text, turned] {
            assert_eq!(Event::parse(text.as_bytes()).unwrap(), event);
        }
        for broken in
            ["", "{}", "{\"event\":\"adopted\"}", "{\"event\":\"new\",\"a\":1}", &text[..20]]
        {
            assert!(Event::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
