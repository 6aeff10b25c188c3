//! The allowed directions between crates, and the purity of the cores.

use super::Finding;
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::BTreeMap;
use std::path::Path;

/// Crates that must stay free of I/O and async, whoever asks for it.
const IMPURE: [&str; 7] = ["tokio", "hyper", "nix", "redb", "uuid", "fastrand", "jiff"];

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root.join("layers.toml")).context("reading layers.toml")?;
    let allowed: BTreeMap<String, Vec<String>> = toml::from_str(&text).context("reading layers.toml")?;
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let ours: Vec<&Package> = metadata.workspace_packages();
    let mut findings = Vec::new();
    for package in &ours {
        match allowed.get(package.name.as_str()) {
            Some(allowed) => findings.extend(check_package(package, allowed, &ours)),
            None => findings.push(format!("crate {} has no line in layers.toml; add one", package.name)),
        }
        findings.extend(check_purity(package, root));
    }
    for name in allowed.keys().filter(|name| !ours.iter().any(|p| p.name.as_str() == *name)) {
        findings
            .push(format!("layers.toml names {name}, which is no crate of this workspace; remove the line"));
    }
    Ok(findings)
}

fn check_package(package: &Package, allowed: &[String], ours: &[&Package]) -> Vec<Finding> {
    // A crate's tests may depend on the crate itself, with optional features.
    let is_ours = |name: &str| name != package.name.as_str() && ours.iter().any(|p| p.name.as_str() == name);
    let anything = allowed.iter().any(|a| a == "*");
    package
        .dependencies
        .iter()
        .filter(|d| is_ours(&d.name) && !anything && !allowed.contains(&d.name))
        .filter(|d| {
            !(d.kind == DependencyKind::Development && !is_core(&package.name) && d.name == "testkit")
        })
        .map(|d| {
            format!(
                "{} depends on {}, which layers.toml does not allow; move the code or the layer",
                package.name, d.name
            )
        })
        .collect()
}

fn check_purity(package: &Package, root: &Path) -> Vec<Finding> {
    if !is_core(&package.name) {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = package
        .dependencies
        .iter()
        .filter(|d| d.kind == DependencyKind::Normal && IMPURE.contains(&d.name.as_str()))
        .map(|d| format!("{} is pure and may not depend on {}", package.name, d.name))
        .collect();
    if !root.join("crates").join(package.name.as_str()).join("clippy.toml").exists() {
        findings.push(format!(
            "{} is pure and needs a clippy.toml that bans clocks, randomness and I/O",
            package.name
        ));
    }
    findings
}

fn is_core(name: &str) -> bool {
    name.starts_with("core-") || matches!(name, "model" | "invariants")
}
