//! AWS's wire: protocols, SigV4, request checks, error shapes, and the generated shapes of each service.
//!
//! A request passes through four steps, each a module one can call alone:
//!
//! ```text
//! bytes ─ sigv4::verify ─▶ Cx ─ cbor | json | query ─▶ Value ─ check ─▶ typed input ─ Api ─▶ output ─ cbor | json | xml ─▶ bytes
//! ```
//!
//! [`Door`] is the four in a row, independent of any socket. [`client::Client`] is the other end.
//!
//! What it is not: behaviour. Each service is a trait ([`ecs::Api`], [`iam::Api`], …) that a crate
//! `api-*` implements; no rule that is not in AWS's model or protocol lives here.
//!
//! Invariants: whatever the bytes are, nothing panics; of a body whose signature is not verified, at most the fields
//! of a form are read, which name the operation; a body costs at most some thirty times its size while it is parsed, and its
//! size is bounded by [`BODY_LIMIT`] also after it was decompressed; a handler sees only inputs that
//! satisfy the model, and no member that Wharf does not honour.
//!
//! Start at [`Door::handle`]. The shapes are generated from `operations.toml`.

mod auth;
mod body;
pub mod cbor;
pub mod check;
pub mod client;
mod compression;
mod connector;
mod constraint;
mod cx;
mod door;
mod double;
pub mod error;
mod event_stream;
#[allow(missing_docs, reason = "what a shape means is said in the API reference of AWS")]
#[allow(clippy::too_many_lines, reason = "a dispatcher has an arm for each operation")]
mod generated;
pub mod json;
pub mod query;
mod response;
mod route;
pub mod schema;
pub mod service;
pub mod sigv4;
mod stranger;
mod string_enum;
pub mod timestamp;
mod xml;

pub use body::Body;
pub use cx::Cx;
pub use door::{Builder, Door};
pub use error::ApiError;
pub use event_stream::EventStream;
pub use generated::{SERVICES, ecs, iam, logs, metrics, sts};
pub use sigv4::{Key, Keys};
pub use string_enum::UnknownValue;

/// The largest request body in bytes that the door reads; more is refused with HTTP 413.
pub const BODY_LIMIT: usize = 8 << 20;
