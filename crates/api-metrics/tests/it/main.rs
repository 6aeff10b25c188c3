//! The API over a real file.

mod data;
mod durability;
mod list;
mod put;
mod retention;
mod statistics;
mod world;
