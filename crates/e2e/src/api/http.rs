//! The part of HTTP/1.1 that Claude Code uses: bodies with a content length in, JSON or server-sent events out.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Far above any real request; a wrong length must not exhaust the memory.
const LARGEST_BODY: usize = 256 * 1024 * 1024;

pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

pub(super) struct Connection {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        let writer = stream.try_clone()?;
        Ok(Self { reader: BufReader::new(stream), writer })
    }

    /// Reads the next request; `None` when the other side has closed.
    pub(super) fn read(&mut self) -> Result<Option<HttpRequest>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let method = words.next().context("a request line without method")?.to_owned();
        let path = words.next().context("a request line without path")?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.reader.read_line(&mut header)?;
            let Some((name, value)) = header.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().context("a content length that is not a number")?;
            }
        }
        ensure!(length <= LARGEST_BODY, "a body of {length} bytes");
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(Some(HttpRequest { method, path, body }))
    }

    pub(super) fn write_empty(&mut self) -> Result<()> {
        self.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    }

    pub(super) fn write_json(&mut self, status: u16, body: &Value) -> Result<()> {
        let body = body.to_string();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.write((head + &body).as_bytes())
    }

    /// Writes a whole event stream. Only the end of the connection ends the stream, so the caller must close it.
    pub(super) fn write_events(&mut self, events: &[(&str, Value)]) -> Result<()> {
        let mut answer =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
                .to_owned();
        for (name, data) in events {
            write!(answer, "event: {name}\ndata: {data}\n\n")?;
        }
        self.write(answer.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()?;
        Ok(())
    }
}
