//! Names and labels of what is made in an Engine.

use crate::engine::Engine;
use agent_driver::RuntimeId;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Whose it is.
pub(crate) const INSTANCE: &str = "wharf.instance";
/// The task that it belongs to.
pub(crate) const TASK: &str = "wharf.task";
/// A container's id; a sandbox has none.
pub(crate) const CONTAINER: &str = "wharf.container";
/// The spool that a container's output is copied into, as JSON.
pub(crate) const SPOOL: &str = "wharf.spool";

/// Docker takes 255 bytes, and these are parts of URLs and of directories' names.
const ID_BYTES_MAX: usize = 200;

/// A container's name in the Engine.
pub(crate) fn container(id: &RuntimeId) -> Result<String, String> {
    check(&id.0)?;
    Ok(format!("wharf-{id}"))
}

/// The name of a task's sandbox. No container's: their ids end with numbers.
pub(crate) fn sandbox(task: &str) -> Result<String, String> {
    check(task)?;
    Ok(format!("wharf-{task}-sandbox"))
}

/// The name of a volume of a task's own; what Docker does not take in names is written as `.` and two digits.
pub(crate) fn volume(task: &str, name: &str) -> Result<String, String> {
    check(task)?;
    let mut whole = format!("wharf-{task}-");
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => whole.push(char::from(byte)),
            byte => {
                // Writing to a String does not fail.
                let _ = write!(whole, ".{byte:02x}");
            }
        }
    }
    Ok(whole)
}

/// Ids are parts of URLs, of paths and of control groups.
pub(crate) fn check(id: &str) -> Result<(), String> {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    if (1..=ID_BYTES_MAX).contains(&id.len()) && id.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("{id:?} cannot be an id: lower-case letters, digits and hyphens can"))
}

impl Engine {
    /// Labels of what belongs to a task.
    pub(crate) fn labels(&self, task: &str) -> HashMap<String, String> {
        [(INSTANCE, self.instance.as_str()), (TASK, task)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// A filter for what is ours and has a label; any value of it when it has no `=`.
    pub(crate) fn filter(&self, label: &str) -> HashMap<String, Vec<String>> {
        [("label".to_owned(), vec![format!("{INSTANCE}={}", self.instance), label.to_owned()])].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_of_different_names_have_different_names() {
        let name = |name| volume("t1", name).unwrap();
        assert_eq!(name("data_1-A"), "wharf-t1-data_1-A");
        assert_eq!(name("/data of container 0"), "wharf-t1-.2fdata.20of.20container.200");
        assert_ne!(name("a.b"), name("a.2eb"));
    }

    #[test]
    fn what_could_leave_its_place_is_no_id() {
        for bad in ["", "..", "a/b", "a?b", "A", "a b"] {
            assert!(container(&RuntimeId(bad.to_owned())).is_err(), "{bad}");
            assert!(sandbox(bad).is_err() && volume(bad, "x").is_err(), "{bad}");
        }
    }
}
