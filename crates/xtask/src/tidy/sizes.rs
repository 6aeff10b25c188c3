//! A file holds one noun. The limit is a ratchet: what is over it today is listed with its size, which may only go
//! down. Functions are held by clippy's `too_many_lines`.

use super::{Finding, files};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// Lines of a source file without its tests.
const LINES_MAX: usize = 600;
const RATCHET: &str = "crates/xtask/src/tidy/sizes.toml";

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let ratchet: BTreeMap<String, usize> = toml::from_str(&std::fs::read_to_string(root.join(RATCHET))?)?;
    let mut findings = Vec::new();
    let mut seen = BTreeMap::new();
    for path in files(&root.join("crates"), "rs")? {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if name.contains("/generated/") || name.contains("/tests/") || name.ends_with("tests.rs") {
            continue;
        }
        let lines = lines_without_tests(&std::fs::read_to_string(&path)?);
        let limit = ratchet.get(&name).copied().unwrap_or(LINES_MAX);
        if lines > limit {
            findings.push(format!(
                "{name} has {lines} lines without tests, over {limit}; is it still one noun? Split it"
            ));
        }
        seen.insert(name, lines);
    }
    for (name, limit) in &ratchet {
        match seen.get(name) {
            Some(lines) if lines == limit => {}
            Some(lines) if lines < limit => {
                findings.push(format!(
                    "{name} shrank to {lines} lines: lower its number in {RATCHET}, or remove the line"
                ));
            }
            Some(_) => {}
            None => findings.push(format!("{RATCHET} names {name}, which is gone; remove the line")),
        }
    }
    Ok(findings)
}

fn lines_without_tests(text: &str) -> usize {
    text.lines().take_while(|line| line.trim_end() != "#[cfg(test)]").count()
}
