//! JSON as we write it: on one line, or on many for people.
//!
//! The compiler makes the code of a record once for each serializer that writes it and each reader that reads it, and
//! records are most of a hook's program. So one serializer writes both layouts of the state's records, and
//! `serde_json::from_slice` alone reads them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// `value` on one line.
pub fn line<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    write(value, Layout::Line(CompactFormatter))
}

/// `value` on many lines, with a line break at the end.
pub fn page<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut text = write(value, Layout::Page(PrettyFormatter::new()))?;
    text.push(b'\n');
    Ok(text)
}

fn write<T: Serialize>(value: &T, layout: Layout) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut text, layout))?;
    Ok(text)
}

enum Layout {
    Line(CompactFormatter),
    Page(PrettyFormatter<'static>),
}

/// Hands these calls on to the formatter of the layout.
macro_rules! hand_on {
    ($($call:ident($($argument:ident)?))*) => {$(
        fn $call<W: ?Sized + Write>(
            &mut self,
            writer: &mut W
            $(, $argument: bool)?
        ) -> io::Result<()> {
            match self {
                Self::Line(formatter) => formatter.$call(writer $(, $argument)?),
                Self::Page(formatter) => formatter.$call(writer $(, $argument)?),
            }
        }
    )*};
}

/// With everything in which the two differ.
impl Formatter for Layout {
    hand_on! {
        begin_array()
        end_array()
        begin_array_value(is_first)
        end_array_value()
        begin_object()
        end_object()
        begin_object_key(is_first)
        begin_object_value()
        end_object_value()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Both layouts are those of `serde_json`.
    #[test]
    fn writes_as_serde_json_does() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "a": [1, { "b": [[], "c"] }, {}], "d": {} }),
        ] {
            assert_eq!(line(&value).unwrap(), serde_json::to_vec(&value).unwrap());
            let page = String::from_utf8(page(&value).unwrap()).unwrap();
            assert_eq!(page, format!("{value:#}\n"));
        }
    }
}
