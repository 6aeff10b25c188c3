//! What runs the containers of a data directory: chosen by the first agent that is started on it, and kept, because what
//! it left behind can be found by the same runtime only.

use crate::data_dir::DataDir;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A container runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeChoice {
    /// Wharf's own.
    Embedded,
    /// A Docker Engine of this host, at this address.
    Docker(String),
}

/// `--runtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RuntimeName {
    /// Wharf's own: nothing else is needed
    Embedded,
    /// A Docker Engine on this machine
    Docker,
}

impl RuntimeChoice {
    /// What a command line asks for.
    pub fn of(name: RuntimeName, docker_host: &str) -> Self {
        match name {
            RuntimeName::Embedded => Self::Embedded,
            RuntimeName::Docker => Self::Docker(docker_host.to_owned()),
        }
    }

    /// The runtime of this data directory: the one that was chosen before, else `wanted`, else Wharf's own. Remembers it.
    pub fn settle(data: &DataDir, wanted: Option<Self>) -> Result<Self> {
        match (Self::known(data)?, wanted) {
            (Some(known), Some(wanted))
                if std::mem::discriminant(&known) != std::mem::discriminant(&wanted) =>
            {
                bail!(
                    "the containers of {} run on {known}, not on {wanted}; leave out --runtime, or use another --data-dir",
                    data.root().display()
                )
            }
            (Some(known), None) => Ok(known),
            (_, wanted) => {
                let choice = wanted.unwrap_or(Self::Embedded);
                data.write_whole(FILE, &serde_json::to_vec(&choice)?)?;
                Ok(choice)
            }
        }
    }

    /// The runtime that was chosen before.
    pub fn known(data: &DataDir) -> Result<Option<Self>> {
        match std::fs::read(data.root().join(FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).context("reading runtime.json")?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("reading runtime.json"),
        }
    }
}

const FILE: &str = "runtime.json";

impl fmt::Display for RuntimeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("the embedded runtime"),
            Self::Docker(address) => write!(f, "the Docker Engine at {address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_choice_stays() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(Some(dir.path())).unwrap();
        let docker = |address| RuntimeChoice::of(RuntimeName::Docker, address);
        assert_eq!(RuntimeChoice::known(&data).unwrap(), None);
        assert_eq!(RuntimeChoice::settle(&data, Some(docker("unix:///a"))).unwrap(), docker("unix:///a"));
        assert_eq!(RuntimeChoice::settle(&data, None).unwrap(), docker("unix:///a"));
        // The same Engine may have moved.
        assert_eq!(RuntimeChoice::settle(&data, Some(docker("unix:///b"))).unwrap(), docker("unix:///b"));
        let refused =
            RuntimeChoice::settle(&data, Some(RuntimeChoice::Embedded)).expect_err("another").to_string();
        assert!(refused.contains("the Docker Engine at unix:///b, not on the embedded runtime"), "{refused}");
    }
}
