//! The command line. One file a command; the commands that talk to a running Wharf use the public AWS APIs only.

mod bench;
mod client;
mod down;
mod env;
mod image;
mod join_token;
mod logs;
mod output;
mod parts;
mod ps;
mod run;
mod sim;
mod stop;
mod up;

use crate::data_dir::DataDir;
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use output::Output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Amazon ECS on your own machines.
#[derive(Parser)]
#[command(name = "wharf", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone)]
struct Common {
    /// Where Wharf keeps its state [default: /var/lib/wharf as root, else $XDG_STATE_HOME/wharf]
    #[arg(long, global = true, value_name = "DIR", env = "WHARF_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Common {
    fn data_dir(&self) -> Result<DataDir> {
        DataDir::open(self.data_dir.as_deref())
    }
}

#[derive(Subcommand)]
enum Command {
    /// Start everything on this machine: the AWS APIs and an agent that runs containers
    Up(parts::Up),
    /// Start the control plane alone
    Server(parts::ServerOptions),
    /// Start the agent alone, for the control plane of the same data directory, or of another machine with --join
    Agent(parts::AgentOptions),
    /// Print the command with which another machine joins this Wharf; list and revoke such tokens
    JoinToken(join_token::JoinTokenCommand),
    /// Stop every task and remove the networks, mounts and cgroups that Wharf made
    Down(down::Down),
    /// Print shell exports for the AWS clients: eval "$(wharf env)"
    Env(env::Env),
    /// Run one container, print its logs and return its exit code
    Run(run::Run),
    /// List tasks
    Ps(ps::Ps),
    /// Print the logs of a task
    Logs(logs::Logs),
    /// Stop a task
    Stop(stop::Stop),
    /// Images on this machine
    #[command(subcommand)]
    Image(image::Image),
    /// Measure Wharf beside docker, crun and runc, whichever are installed
    Bench(bench::Bench),
    /// Simulate a cluster, with faults, faster than real time: look for bugs, or see how it would do
    Sim(sim::Sim),
}

/// Parses the command line, runs the command, and says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) if output::reader_is_gone(&error) => ExitCode::from(output::READER_IS_GONE),
        Err(error) => {
            eprintln!("wharf: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each once, for many an error's text ends with its cause; on one line, whatever a damaged
/// file brought into it.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn run(cli: Cli) -> Result<ExitCode> {
    let common = cli.common;
    match cli.command {
        Command::Up(options) => up::up(&common, options.parts()),
        Command::Server(options) => up::up(&common, options.parts()),
        Command::Agent(options) => up::up(&common, options.parts()?),
        Command::JoinToken(token) => token.run(&common),
        Command::Down(down) => runtime()?.block_on(down.run(&common)),
        Command::Env(env) => env.run(&common),
        Command::Run(run) => runtime()?.block_on(run.run(&common)),
        Command::Ps(ps) => runtime()?.block_on(ps.run(&common)),
        Command::Logs(logs) => runtime()?.block_on(logs.run(&common)),
        Command::Stop(stop) => runtime()?.block_on(stop.run(&common)),
        Command::Bench(bench) => runtime()?.block_on(bench.run(&common)),
        Command::Sim(sim) => sim.run(),
        Command::Image(image) => runtime()?.block_on(image.run(&common)),
    }
}

/// Client commands do one thing at a time: one thread is enough.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};
    use std::io;

    #[test]
    fn an_error_is_told_once_and_on_one_line() {
        let cause = || io::Error::other("not a\nnumber");
        let said = Err::<(), _>(cause()).with_context(|| format!("cannot read x: {}", cause())).unwrap_err();
        assert_eq!(super::told(&said), "cannot read x: not a number");
        let unsaid = Err::<(), _>(cause()).context("cannot read x").unwrap_err();
        assert_eq!(super::told(&unsaid), "cannot read x: not a number");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_to_tell_of() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(super::output::reader_is_gone(&broken().into()));
        assert!(!super::output::reader_is_gone(&anyhow!("something else")));
    }
}
