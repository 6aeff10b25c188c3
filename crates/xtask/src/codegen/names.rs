//! From the model's names to Rust's.

/// `enableECSManagedTags` → `enable_ecs_managed_tags`. Digits stay with what precedes them.
pub fn snake(name: &str) -> String {
    let chars: Vec<char> = name.replace("GiB", "Gib").chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let starts_word = c.is_uppercase()
            && before.is_some_and(|b| {
                !b.is_uppercase() && b != '_' || chars.get(i + 1).is_some_and(|n| n.is_lowercase())
            });
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A field or a function: [`snake`], and raw where Rust reserves the word.
pub fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "move" | "ref" | "use" | "in" | "where" | "loop" | "enum" | "struct" | "mod" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

/// An enum of strings: `statusType` → `StatusType`, as some services write them.
pub fn string_enum(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// A static.
pub fn screaming(name: &str) -> String {
    snake(name).to_uppercase()
}

/// An enum's variant: `DELETE_IN_PROGRESS` → `DeleteInProgress`, `json-file` → `JsonFile`, `X86_64` stays.
pub fn variant(value: &str) -> String {
    let mut out = String::new();
    for word in value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let digits_meet =
            out.ends_with(|c: char| c.is_ascii_digit()) && word.starts_with(|c: char| c.is_ascii_digit());
        if digits_meet {
            out.push('_');
        }
        out.push_str(&word[..1].to_uppercase());
        let shouts = !word.contains(|c: char| c.is_ascii_lowercase());
        out.push_str(&if shouts { word[1..].to_lowercase() } else { word[1..].to_owned() });
    }
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("V{out}") } else { out }
}

/// What serde's `camelCase` or `PascalCase` makes of a field.
pub fn serde_case(field: &str, pascal: bool) -> String {
    let mut out = String::new();
    let mut upper = pascal;
    for c in field.trim_start_matches("r#").chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_rust() {
        for (name, expected) in [
            ("enableECSManagedTags", "enable_ecs_managed_tags"),
            ("privateIpv4Address", "private_ipv4_address"),
            ("sizeInGiB", "size_in_gib"),
            ("UserId", "user_id"),
            ("EFSAuthorizationConfigIAM", "efs_authorization_config_iam"),
            ("fsxWindowsFileServer", "fsx_windows_file_server"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(["statusType", "TaskStatus"].map(string_enum), ["StatusType", "TaskStatus"]);
        for (value, expected) in [
            ("DELETE_IN_PROGRESS", "DeleteInProgress"),
            ("json-file", "JsonFile"),
            ("X86_64", "X86_64"),
            ("EC2", "Ec2"),
            ("EssentialContainerExited", "EssentialContainerExited"),
            ("WINDOWS_SERVER_20H2_CORE", "WindowsServer20h2Core"),
            ("2019", "V2019"),
        ] {
            assert_eq!(variant(value), expected);
        }
        assert_eq!(serde_case("r#type", false), "type");
        assert_eq!(serde_case("user_id", true), "UserId");
    }
}
