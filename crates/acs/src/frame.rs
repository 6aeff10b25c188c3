//! The frame around every message, and the macro that makes an enum of messages out of their names.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest frame that is looked at, in bytes. A task takes a few kilobytes of a payload and a page of telemetry
/// at most about one megabyte.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

/// Why a frame was dropped. The link stays up.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than [`FRAME_BYTES_MAX`]; nothing of it was read.
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// No JSON object with a `type`.
    #[error("not a frame: {0}")]
    NotAFrame(#[source] serde_json::Error),
    /// A known type whose message has another shape.
    #[error("a malformed {kind}: {source}")]
    Malformed {
        /// The frame's type.
        kind: String,
        /// Where and how.
        source: serde_json::Error,
    },
    /// Telemetry without a block of headers, or with one that is too long.
    #[error("telemetry without its headers")]
    NoHeaders,
}

/// One direction of one of the two links.
pub trait Message: Sized {
    /// The `type` on the wire.
    fn kind(&self) -> &str;
    /// The message in its frame.
    fn to_frame(&self) -> String;
    /// The message of a frame of this type.
    fn from_frame(kind: String, text: &str) -> Result<Self, DecodeError>;
}

/// The text frame of a message.
pub fn encode<M: Message>(message: &M) -> String {
    message.to_frame()
}

/// The message in a text frame.
pub fn decode<M: Message>(text: &str) -> Result<M, DecodeError> {
    if text.len() > FRAME_BYTES_MAX {
        return Err(DecodeError::TooLong(text.len()));
    }
    let Kind { kind } = serde_json::from_str(text).map_err(DecodeError::NotAFrame)?;
    M::from_frame(kind, text)
}

/// The first look at a frame: everything but the type is skipped, nothing is allocated for it.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a T,
}

#[derive(Deserialize)]
struct Incoming<T> {
    message: T,
}

pub(crate) fn write<T: Serialize>(kind: &str, message: &T) -> String {
    serde_json::to_string(&Outgoing { kind, message })
        .expect("messages are plain structs with text keys, which always serialise")
}

pub(crate) fn read<T: DeserializeOwned>(kind: String, text: &str) -> Result<T, DecodeError> {
    match serde_json::from_str::<Incoming<T>>(text) {
        Ok(incoming) => Ok(incoming.message),
        Err(source) => Err(DecodeError::Malformed { kind, source }),
    }
}

/// `messages! { /// doc pub enum Name { /// doc Variant(Body) = "WireName", … } }`
macro_rules! messages {
    ($(#[$doc:meta])* pub enum $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident($body:ty) = $wire:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant($body),)+
            /// A type that this end does not know. It is logged and dropped.
            Unknown {
                /// The frame's `type`.
                kind: String,
            },
        }

        impl $crate::Message for $name {
            fn kind(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $wire,)+
                    Self::Unknown { kind } => kind,
                }
            }

            fn to_frame(&self) -> String {
                match self {
                    $(Self::$variant(body) => $crate::frame::write($wire, body),)+
                    Self::Unknown { kind } => $crate::frame::write(kind, &$crate::frame::Empty {}),
                }
            }

            fn from_frame(kind: String, text: &str) -> Result<Self, $crate::DecodeError> {
                match kind.as_str() {
                    $($wire => $crate::frame::read(kind, text).map(Self::$variant),)+
                    _ => Ok(Self::Unknown { kind }),
                }
            }
        }

        $(impl From<$body> for $name {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })+
    };
}
pub(crate) use messages;

/// `{}`
#[derive(Serialize)]
pub(crate) struct Empty {}
