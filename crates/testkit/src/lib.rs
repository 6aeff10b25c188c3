//! Counterparts for tests: an ECS agent that speaks the protocol message by message.
