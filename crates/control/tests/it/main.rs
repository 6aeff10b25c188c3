//! Planners as tables, sessions against a scripted agent, and random lives of many tasks.

mod agent;
mod conformance;
mod lost;
mod members;
mod payload;
mod planners;
mod sequences;
mod sessions;
mod upgrade;
mod world;
