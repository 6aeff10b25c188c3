//! The door and the client, end to end: routing, signatures, errors, round trips.

mod auth;
mod fakes;
mod protocol;
mod refusals;
