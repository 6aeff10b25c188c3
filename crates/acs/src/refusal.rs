//! Why an upgrade to a websocket was refused: the body of the HTTP answer.

use serde::{Deserialize, Serialize};

/// A refused upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub kind: RefusalKind,
    /// In words.
    pub message: String,
}

/// The kinds that agents know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalKind {
    /// Our fault: try again.
    ServerException,
    /// The request makes no sense.
    BadRequestException,
    /// No such cluster.
    InvalidClusterException,
    /// No such instance.
    InvalidInstanceException,
    /// The signature or the account is wrong.
    AccessDeniedException,
    /// The instance was deregistered: the agent keeps its containers and tries again an hour later.
    InactiveInstanceException,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: RefusalKind,
    message: Text,
}

#[derive(Serialize, Deserialize)]
struct Text {
    message: String,
}

impl Refusal {
    /// The HTTP status that goes with it.
    pub fn http_status(&self) -> u16 {
        match self.kind {
            RefusalKind::ServerException => 500,
            RefusalKind::AccessDeniedException => 403,
            _ => 400,
        }
    }

    /// The body of the answer.
    pub fn body(&self) -> String {
        let body = Body { kind: self.kind, message: Text { message: self.message.clone() } };
        serde_json::to_string(&body).expect("plain structs always serialise")
    }

    /// Reads the body of an answer; `None` when it is something else, a proxy's page say.
    pub fn from_body(body: &str) -> Option<Refusal> {
        let body: Body = serde_json::from_str(body).ok()?;
        Some(Refusal { kind: body.kind, message: body.message.message })
    }
}
