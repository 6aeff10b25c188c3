//! Words that do not belong in the project: stubs, ignored tests and type names that say nothing.

use super::{Finding, files};
use anyhow::Result;
use std::path::Path;

/// Suffixes of type names that hide what the type is.
const BANNED_TYPES: [&str; 6] = ["Manager", "Helper", "Util", "Info", "Data", "Processor"];
const BANNED_TEXT: [(&str, &str); 3] = [
    ("todo!(", "finish it, or refuse the request by name"),
    ("unimplemented!(", "finish it, or refuse the request by name"),
    ("#[ignore", "a test that does not run proves nothing; run it or remove it"),
];
/// A test that sleeps is slow when it passes and fails when the machine is busy.
const BANNED_IN_TESTS: (&str, &str) = ("thread::sleep(", "wait for the event itself, with a bound");

pub fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in files(&root.join("crates"), "rs")? {
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if name.contains("/generated/") || name.starts_with("crates/xtask/") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let mut is_test = name.contains("/tests/") || name.ends_with("tests.rs");
        for (n, line) in text.lines().enumerate() {
            is_test |= line.starts_with("#[cfg(test)]");
            let code = line.split("//").next().unwrap_or_default();
            let banned = BANNED_TEXT.iter().chain(is_test.then_some(&BANNED_IN_TESTS));
            for (word, advice) in banned.filter(|(word, _)| code.contains(word)) {
                findings.push(format!("{name}:{}: `{word}`: {advice}", n + 1));
            }
            if let Some(banned) = banned_type(code) {
                findings.push(format!("{name}:{}: a type named …{banned} does not say what it is", n + 1));
            }
        }
    }
    Ok(findings)
}

fn banned_type(code: &str) -> Option<&'static str> {
    let mut words = code.split_whitespace().skip_while(|w| !matches!(*w, "struct" | "enum" | "trait"));
    words.next()?;
    let name = words.next()?.split(|c: char| !c.is_alphanumeric()).next()?;
    BANNED_TYPES.into_iter().find(|banned| name.ends_with(banned))
}
