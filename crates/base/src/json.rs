//! JSON as we write it: on one line, or a record on each line.
//!
//! The compiler makes the code of a record once for each serializer that writes it and each reader that reads it, and
//! records are most of a hook's program. So one serializer writes both layouts of the state's records, and
//! `serde_json::from_slice` alone reads them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// How deep the levels are that stand on lines of their own: the fields of a file, and the records in them.
const BROKEN: usize = 2;

/// `value` on one line.
pub fn line<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    write(value, 0)
}

/// `value` on many lines, with a line break at the end: each field, and each record in a field, is on a line of its own.
pub fn page<T: Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut text = write(value, BROKEN)?;
    text.push(b'\n');
    Ok(text)
}

fn write<T: Serialize>(value: &T, broken: usize) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(128);
    let layout = Layout { broken, depth: 0, is_empty: true };
    value.serialize(&mut Serializer::with_formatter(&mut text, layout))?;
    Ok(text)
}

/// Breaks the lines of the outer levels as `serde_json` does, and none within.
struct Layout {
    /// How many levels stand on lines of their own.
    broken: usize,
    depth: usize,
    /// Whether the innermost level has nothing in it.
    is_empty: bool,
}

impl Layout {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        let is_broken = self.depth <= self.broken && !self.is_empty;
        self.depth -= 1;
        self.is_empty = false;
        if is_broken {
            self.break_line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn separate<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_empty, false) {
            writer.write_all(b",")?;
        }
        if self.depth <= self.broken { self.break_line(writer) } else { Ok(()) }
    }

    fn break_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.separate(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.separate(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.depth <= self.broken { b": " } else { b":" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(written: serde_json::Result<Vec<u8>>) -> String {
        String::from_utf8(written.unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_that_of_serde_json() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!({ "a": [1, { "b": [[], "c"] }, {}], "d": {} }),
        ] {
            assert_eq!(text(line(&value)), value.to_string());
        }
    }

    /// Two levels are as `serde_json` lays them out, and what is in them is on one line.
    #[test]
    fn a_page_has_a_record_on_a_line() {
        for flat in [json!(null), json!([]), json!({}), json!({ "a": [1, "b"], "c": {}, "d": [] })]
        {
            assert_eq!(text(page(&flat)), format!("{flat:#}\n"));
        }
        let records = json!({ "tasks": [{ "a": [1, 2], "b": {} }, {}], "version": 2 });
        let expected = r#"{
  "tasks": [
    {"a":[1,2],"b":{}},
    {}
  ],
  "version": 2
}
"#;
        assert_eq!(text(page(&records)), expected);
    }
}
