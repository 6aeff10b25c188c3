//! Documents that must keep up with the code: the invariants, and the crates that ARCHITECTURE.md describes.

use super::{Finding, files};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = check_invariants(root)?;
    findings.extend(check_architecture(root)?);
    Ok(findings)
}

/// Every `INV-…` in the code stands in docs/invariants.md, and every one there is used in the code.
fn check_invariants(root: &Path) -> Result<Vec<Finding>> {
    let document =
        std::fs::read_to_string(root.join("docs/invariants.md")).context("reading docs/invariants.md")?;
    let written = ids(&document);
    let mut used = BTreeSet::new();
    for path in files(&root.join("crates"), "rs")? {
        used.extend(ids(&std::fs::read_to_string(path)?));
    }
    let missing =
        used.difference(&written).map(|id| format!("{id} is used in the code but not in docs/invariants.md"));
    let unused = written
        .difference(&used)
        .map(|id| format!("{id} is in docs/invariants.md but nothing in the code names it"));
    Ok(missing.chain(unused).collect())
}

fn ids(text: &str) -> BTreeSet<String> {
    text.match_indices("INV-")
        .map(|(at, _)| {
            let id: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '-')
                .collect();
            id.trim_end_matches('-').to_owned()
        })
        .filter(|id| id.ends_with(|c: char| c.is_ascii_digit()))
        .collect()
}

/// ARCHITECTURE.md has a heading or a line for each crate.
fn check_architecture(root: &Path) -> Result<Vec<Finding>> {
    let document =
        std::fs::read_to_string(root.join("ARCHITECTURE.md")).context("reading ARCHITECTURE.md")?;
    let mut findings = Vec::new();
    for entry in std::fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !document.contains(&format!("`{name}`")) {
            findings.push(format!("ARCHITECTURE.md says nothing of `{name}`; add its paragraph"));
        }
    }
    findings.sort();
    Ok(findings)
}
