//! The agent protocol: what the control plane and a container instance's agent say to each other over two websockets,
//! ACS (orders) and TCS (telemetry). It is the protocol of the Amazon ECS container agent, so either end may be that
//! agent or Wharf's own.
//!
//! What it is not: a connection (see `control` and `agent`), or a judgement on what a message asks for.
//!
//! Invariants:
//! - A frame is `{"type":…,"message":{…}}`. Unknown fields are ignored; an unknown type decodes to `Unknown`.
//! - Decoding is strict in types and bounded in size ([`FRAME_BYTES_MAX`]); whatever comes in, it never panics.
//! - Encoding never writes `null`: what is absent is left out.
//! - Secrets are in no `Debug` output.
//!
//! Start at [`ServerMessage`] and [`AgentMessage`], then [`payload::Task`].

mod agent;
mod credentials;
mod eni;
mod frame;
pub mod link;
pub mod payload;
mod refusal;
mod server;
pub mod tcs;

pub use agent::{
    AckRequest, AgentMessage, HeartbeatAckRequest, IamRoleCredentialsAckRequest, NackRequest,
    TaskStopVerificationMessage,
};
pub use credentials::{IamRoleCredentialsMessage, RoleCredentials, RoleType};
pub use eni::{ElasticNetworkInterface, Ipv4AddressAssignment};
pub use frame::{DecodeError, FRAME_BYTES_MAX, Message, decode, encode};
pub use refusal::{Refusal, RefusalKind};
pub use server::{
    AttachTaskNetworkInterfacesMessage, Attachment, CloseMessage, ConfirmAttachmentMessage, ErrorMessage,
    HeartbeatMessage, PayloadMessage, Property, ServerMessage, TaskIdentifier, TaskManifestMessage,
    TaskStopVerificationAck,
};

/// Decodes a frame that the control plane sent on ACS.
pub fn decode_server(text: &str) -> Result<ServerMessage, DecodeError> {
    decode(text)
}

/// Decodes a frame that an agent sent on ACS.
pub fn decode_agent(text: &str) -> Result<AgentMessage, DecodeError> {
    decode(text)
}
