//! Answers that are a stream of events: `application/vnd.amazon.eventstream`
//! (Smithy specification, "Amazon Event Stream").
//!
//! ```text
//! message = total bytes: u32 · bytes of headers: u32 · crc32 of these eight bytes: u32
//!           · headers · payload · crc32 of all before it: u32
//! header  = length of name: u8 · name · 7, for a string: u8 · length of value: u16 · value
//! ```
//! All big-endian. The first message is the `initial-response` that the RPC protocols want; an error is a message of
//! type `exception` and the last one.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};

use crate::{ApiError, json};

/// What AWS calls this encoding.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
const STRING: u8 = 7;

/// One event of a stream. Generated for each stream of the models.
pub trait Event: Send + 'static {
    /// Its name in the model.
    fn name(&self) -> &'static str;

    /// It as JSON.
    fn payload(&self) -> Result<Vec<u8>, serde_json::Error>;
}

/// Events as they come. It ends with its first error; dropping it is how the caller hangs up.
pub struct EventStream<E>(Pin<Box<dyn Stream<Item = Result<E, ApiError>> + Send>>);

/// The same as bytes.
pub(crate) type Messages = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

impl<E: Event> EventStream<E> {
    /// From any stream of events.
    pub fn new(events: impl Stream<Item = Result<E, ApiError>> + Send + 'static) -> Self {
        Self(Box::pin(events))
    }

    /// The next event.
    pub async fn next(&mut self) -> Option<Result<E, ApiError>> {
        self.0.next().await
    }

    pub(crate) fn encode(self) -> Messages {
        let initial = stream::iter([message("event", ":event-type", "initial-response", b"{}")]);
        let events = self.0.scan(false, |failed, event| {
            let message = (!*failed).then(|| write(&event));
            *failed |= event.is_err();
            std::future::ready(message)
        });
        Box::pin(initial.chain(events))
    }
}

fn write<E: Event>(event: &Result<E, ApiError>) -> Bytes {
    let unwritable = |error: serde_json::Error| crate::error::internal_failure(error);
    match event
        .as_ref()
        .map_err(ApiError::clone)
        .and_then(|e| Ok((e.name(), e.payload().map_err(unwritable)?)))
    {
        Ok((name, payload)) => message("event", ":event-type", name, &payload),
        Err(error) => {
            if let Some(cause) = &error.internal {
                tracing::error!(code = error.code, %cause, "an event stream failed");
            }
            message("exception", ":exception-type", error.code, &json::error(error.code, &error))
        }
    }
}

/// One message.
fn message(message_type: &str, name_of_type: &str, name: &str, payload: &[u8]) -> Bytes {
    let mut headers = Vec::new();
    for (header, value) in
        [(":message-type", message_type), (name_of_type, name), (":content-type", "application/json")]
    {
        headers.push(header.len() as u8);
        headers.extend(header.as_bytes());
        headers.push(STRING);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let total = 16 + headers.len() + payload.len();
    let mut out = Vec::with_capacity(total);
    out.extend((total as u32).to_be_bytes());
    out.extend((headers.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Said(&'static str);

    impl Event for Said {
        fn name(&self) -> &'static str {
            "said"
        }

        fn payload(&self) -> Result<Vec<u8>, serde_json::Error> {
            serde_json::to_vec(self.0)
        }
    }

    #[test]
    fn a_message_is_framed_as_specified() {
        let bytes = message("event", ":event-type", "said", b"\"x\"");
        let u32_at = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(u32_at(0) as usize, bytes.len());
        assert_eq!(u32_at(8), crc32fast::hash(&bytes[..8]));
        assert_eq!(u32_at(bytes.len() - 4), crc32fast::hash(&bytes[..bytes.len() - 4]));
        let headers = u32_at(4) as usize;
        assert_eq!(&bytes[12..32], b"\x0d:message-type\x07\x00\x05eve".as_slice());
        assert_eq!(&bytes[12 + headers..bytes.len() - 4], b"\"x\"");
    }

    #[test]
    fn a_stream_opens_with_the_initial_response_and_ends_with_its_first_error() {
        let error = ApiError::new("SessionTimeoutException", 400, "over");
        let events = stream::iter([Ok(Said("a")), Err(error), Ok(Said("never"))]);
        let messages = EventStream::new(events).encode().collect::<Vec<_>>();
        let messages = futures_util::FutureExt::now_or_never(messages).expect("nothing waits");
        let texts: Vec<_> = messages.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[0].contains("initial-response") && texts[0].contains("{}"));
        assert!(texts[1].contains(":event-type\u{7}\0\u{4}said") && texts[1].contains("\"a\""));
        assert!(texts[2].contains("SessionTimeoutException") && texts[2].contains(r#""message":"over""#));
    }
}
