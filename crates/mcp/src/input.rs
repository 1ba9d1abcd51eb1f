//! Standard input that wakes the waiting calls at its end. Without this the server would wait for the calls to finish.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf, Stdin};

use crate::completion::Completions;

pub(crate) struct Input {
    pub(crate) stdin: Stdin,
    pub(crate) completions: Arc<Completions>,
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stdin).poll_read(context, buffer));
        if read.is_err() || buffer.filled().len() == before {
            self.completions.close();
        }
        Poll::Ready(read)
    }
}
