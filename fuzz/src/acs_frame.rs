//! Any text as a frame of ACS, in both directions, and as what else an agent says and hears around its link: the
//! query of the connection and the refusal of a request.

use acs::link::{AcsQuery, TcsQuery};
use acs::{AgentMessage, Message, Refusal, ServerMessage, decode, encode};

/// Whether it is a known message.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let query = AcsQuery::decode(text);
    assert_eq!(AcsQuery::decode(&query.encode()), query);
    let query = TcsQuery::decode(text);
    assert_eq!(TcsQuery::decode(&query.encode()), query);
    if let Some(refusal) = Refusal::from_body(text) {
        assert_eq!(Refusal::from_body(&refusal.body()), Some(refusal));
    }
    let from_server = read::<ServerMessage>(text);
    if let Some(ServerMessage::Payload(payload)) = &from_server {
        for container in payload.tasks.iter().flat_map(|task| &task.containers) {
            let _ = container.docker_config.config();
            let _ = container.docker_config.host_config();
        }
    }
    let from_agent = read::<AgentMessage>(text);
    from_server.is_some_and(|message| !matches!(message, ServerMessage::Unknown { .. }))
        || from_agent.is_some_and(|message| !matches!(message, AgentMessage::Unknown { .. }))
}

/// What was understood can be said again. Fractions may differ in their last digit, so kinds are compared.
fn read<M: Message>(text: &str) -> Option<M> {
    let message = decode::<M>(text).ok()?;
    let again = decode::<M>(&encode(&message)).expect("what was decoded can be encoded and decoded");
    assert_eq!(again.kind(), message.kind());
    Some(message)
}
