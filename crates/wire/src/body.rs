//! The body of an answer: whole, or as it comes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

use crate::event_stream::Messages;

/// What the door answers with.
pub struct Body(UnsyncBoxBody<Bytes, Infallible>);

impl From<Bytes> for Body {
    fn from(whole: Bytes) -> Self {
        Self(Full::new(whole).boxed_unsync())
    }
}

impl From<Messages> for Body {
    fn from(messages: Messages) -> Self {
        Self(BodyExt::boxed_unsync(StreamBody::new(messages.map(|message| Ok(Frame::data(message))))))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Body").field(&http_body::Body::size_hint(self)).finish()
    }
}
