//! The API over real files and, where members and streams are concerned, over the wire's door.

mod api;
mod door;
mod honoured;
mod metric_filters;
mod retention;
mod search;
mod tags;
mod tail;
