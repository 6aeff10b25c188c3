//! The door and the client, end to end: routing, signatures, errors, round trips.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod auth;
mod fakes;
mod metrics;
mod protocol;
mod refusals;
