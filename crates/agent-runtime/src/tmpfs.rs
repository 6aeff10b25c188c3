//! Options of a memory file system, as Docker's `--tmpfs` takes them.
//! <https://docs.docker.com/engine/storage/tmpfs/#options-for---tmpfs>

use agent_host::mount_flag;
use nix::mount::MsFlags;

/// What `mount` takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) flags: MsFlags,
    pub(crate) data: String,
}

/// Docker's defaults, then what was asked for, the last word counting.
///
/// # Errors
/// The first option that there is not.
pub(crate) fn parse(text: &str) -> Result<Options, String> {
    let mut flags = MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mut data: Vec<(&str, &str)> = Vec::new();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let invalid = || format!("invalid tmpfs option {option:?}");
        if let Some((name, value)) = option.split_once('=') {
            if !is_valid(name, value) {
                return Err(invalid());
            }
            data.retain(|(known, _)| *known != name);
            data.push((name, value));
        } else {
            let (flag, on) = flag(option).ok_or_else(invalid)?;
            flags.set(flag, on);
        }
    }
    let data: Vec<_> = data.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(Options { flags, data: data.join(",") })
}

impl Options {
    /// Whether `mode=` was given.
    pub(crate) fn has_mode(&self) -> bool {
        self.data.split(',').any(|option| option.starts_with("mode="))
    }
}

fn flag(option: &str) -> Option<(MsFlags, bool)> {
    match option {
        // It is the container's alone in any case.
        "rprivate" | "private" => Some((MsFlags::empty(), true)),
        _ => mount_flag(option),
    }
}

fn is_valid(name: &str, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match name {
        "size" => digits(value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G', '%'])),
        "nr_inodes" | "nr_blocks" => digits(value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G'])),
        "mode" => !value.is_empty() && value.len() <= 5 && value.bytes().all(|b| (b'0'..=b'7').contains(&b)),
        "uid" | "gid" => digits(value),
        "mpol" => !value.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_what_overrides_them() {
        let default = MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let parsed = |text| parse(text).map(|options| (options.flags, options.data));
        assert_eq!(parsed(""), Ok((default, String::new())));
        assert_eq!(
            parsed("rw,exec,size=64m,mode=1770,size=1g,uid=5"),
            Ok((MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=1770,size=1g,uid=5".to_owned()))
        );
        for bad in ["bogus", "size=", "size=lots", "mode=9", "context=x", "size=1,evil=2", "uid=-1"] {
            assert!(parse(bad).unwrap_err().contains("invalid tmpfs option"), "{bad}");
        }
    }
}
