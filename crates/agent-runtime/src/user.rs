//! Who a container runs as: `user[:group]` against the image's `/etc/passwd` and `/etc/group`.

/// Numbers are accepted up to here, as Docker does.
const MAX_ID: u32 = i32::MAX as u32;

/// A resolved user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) home: String,
}

/// Resolves `user` (name or number), `user:group`, or nothing, which is root. A number needs no entry in the files.
/// With an explicit group there are no supplementary ones.
///
/// # Errors
/// A name that the files do not have, in Docker's words.
pub(crate) fn resolve(wanted: &str, passwd: &str, group: &str) -> Result<Identity, String> {
    let (user, wanted_group) = match wanted.split_once(':') {
        Some((user, group)) if !group.is_empty() => (user, Some(group)),
        Some((user, _)) => (user, None),
        None => (wanted, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = find(passwd, user, 2);
    let uid = id_of(&entry, 2, user)
        .ok_or_else(|| format!("unable to find user {user}: no matching entries in passwd file"))?;
    let field = |index: usize| entry.as_ref().and_then(|fields| fields.get(index).copied());
    let (gid, groups) = match wanted_group {
        Some(name) => {
            let gid = id_of(&find(group, name, 2), 2, name)
                .ok_or_else(|| format!("unable to find group {name}: no matching entries in group file"))?;
            (gid, Vec::new())
        }
        None => {
            let gid = field(3).and_then(parse_id).unwrap_or(0);
            (gid, field(0).map_or_else(Vec::new, |name| groups_of(group, name)))
        }
    };
    let home = field(5).filter(|home| home.starts_with('/')).unwrap_or("/").to_owned();
    Ok(Identity { uid, gid, groups, home })
}

/// The first line whose name, else whose number is `key`.
fn find<'a>(file: &'a str, key: &str, number: usize) -> Option<Vec<&'a str>> {
    let entries =
        || file.lines().map(|line| line.split(':').collect::<Vec<_>>()).filter(|e| e.len() > number);
    let wanted = parse_id(key);
    entries()
        .find(|entry| entry[0] == key)
        .or_else(|| entries().find(|entry| wanted.is_some() && parse_id(entry[number]) == wanted))
}

fn id_of(entry: &Option<Vec<&str>>, number: usize, key: &str) -> Option<u32> {
    match entry {
        Some(fields) => parse_id(fields[number]),
        None => parse_id(key),
    }
}

fn groups_of(file: &str, user: &str) -> Vec<u32> {
    let member = |fields: &Vec<&str>| fields.get(3).is_some_and(|users| users.split(',').any(|u| u == user));
    file.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter(member)
        .filter_map(|fields| parse_id(fields[2]))
        .collect()
}

fn parse_id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id <= MAX_ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:101:102:web:/srv/web:/bin/false\n";
    const GROUP: &str = "root:x:0:\nweb:x:102:\nlogs:x:7:web,root\nbroken\n";

    fn check(wanted: &str, uid: u32, gid: u32, groups: &[u32], home: &str) {
        let expected = Identity { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
        assert_eq!(resolve(wanted, PASSWD, GROUP), Ok(expected), "{wanted:?}");
    }

    #[test]
    fn names_and_numbers() {
        check("", 0, 0, &[7], "/root");
        check("web", 101, 102, &[7], "/srv/web");
        check("101", 101, 102, &[7], "/srv/web");
        check("web:", 101, 102, &[7], "/srv/web");
        check("web:logs", 101, 7, &[], "/srv/web");
        check(":logs", 0, 7, &[], "/root");
        check("4242", 4242, 0, &[], "/");
        check("4242:4343", 4242, 4343, &[], "/");
    }

    #[test]
    fn unknown_names_are_refused() {
        let refusal = |wanted| resolve(wanted, PASSWD, GROUP).unwrap_err();
        assert_eq!(refusal("nobody"), "unable to find user nobody: no matching entries in passwd file");
        assert_eq!(refusal("web:x"), "unable to find group x: no matching entries in group file");
        assert_eq!(refusal("-1"), "unable to find user -1: no matching entries in passwd file");
        assert_eq!(
            refusal("2147483648"),
            "unable to find user 2147483648: no matching entries in passwd file"
        );
    }
}
