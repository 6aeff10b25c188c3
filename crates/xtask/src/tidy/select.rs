//! `tokio::select!` without `biased;` asks at random which branch goes first, and that chance cannot be seeded: what the
//! simulator runs must not use it.

use super::{Finding, files};
use anyhow::Result;
use std::path::Path;

/// What runs in a simulation.
const SIMULATED: [&str; 10] =
    ["acs", "agent", "api-ecs", "control", "core-place", "core-task", "invariants", "model", "sim", "store"];

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in SIMULATED {
        for path in files(&root.join("crates").join(name).join("src"), "rs")? {
            let text = std::fs::read_to_string(&path)?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            findings.extend(unbiased(&text).map(|line| {
                format!("{name}:{line}: begin this select! with `biased;`: the simulator cannot seed tokio's choice")
            }));
        }
    }
    Ok(findings)
}

/// The lines, from 1, of those whose first word is not `biased`; comments may come before it.
fn unbiased(text: &str) -> impl Iterator<Item = usize> {
    let lines: Vec<&str> =
        text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()).collect();
    let begins = |n: &usize| lines[*n].contains("select! {");
    let is_biased = |n: usize| lines[n + 1..].iter().find(|line| !line.is_empty()) == Some(&"biased;");
    (0..lines.len()).filter(begins).filter(|n| !is_biased(*n)).map(|n| n + 1).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_select_that_is_not_biased_is_found() {
        let text =
            "tokio::select! {\n    // why\n    biased;\n    a = b => {}\n}\nselect! {\n    a = b => {}\n}\n";
        assert_eq!(super::unbiased(text).collect::<Vec<_>>(), [6]);
    }
}
