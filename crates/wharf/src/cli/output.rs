//! How results are printed: a table for people, JSON for programs.

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

/// What a command returns whose reader has gone away: what a shell says of a program that SIGPIPE ended.
pub const READER_IS_GONE: u8 = 128 + 13;

/// Prints a line. Unlike `println!` it does not panic when nobody reads any more, as after `| head`.
pub fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Whether a command ended because nobody reads what it prints.
pub fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Shows on a terminal that something is being waited for, and for what.
pub fn spinner(message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is constant");
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(message.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}

/// `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
}

/// A row of a listing: the same record as a table's line and as a JSON object.
pub trait Row: Serialize {
    /// The table's head.
    const HEAD: &'static [&'static str];
    /// The table's line.
    fn cells(&self) -> Vec<String>;
}

impl Output {
    /// Prints a listing.
    pub fn rows<R: Row>(self, rows: &[R]) -> anyhow::Result<()> {
        match self {
            Output::Json => line(serde_json::to_string_pretty(rows)?)?,
            Output::Text => {
                let mut table = Table::new();
                table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
                table.set_header(R::HEAD);
                for row in rows {
                    table.add_row(row.cells());
                }
                line(table.trim_fmt())?;
            }
        }
        Ok(())
    }

    /// Prints one result: `text` for people, `value` for programs.
    pub fn one(self, text: &str, value: &serde_json::Value) -> io::Result<()> {
        match self {
            Output::Text => line(text),
            Output::Json => line(format_args!("{value:#}")),
        }
    }
}
