//! How many tasks of the awsvpc network mode a container instance can run: each takes a network interface of the host,
//! and instance types differ in how many they take (Amazon ECS Developer Guide: "Increasing Amazon ECS Linux container
//! instance network interfaces").
//!
//! `limits.txt` has a line for each family: its name, then `SIZE:INTERFACES` or `SIZE:INTERFACES:TRUNKED`. The interfaces
//! count the primary one; the last number is that of tasks on an instance with a trunk, and is absent where AWS names the
//! type as unsupported. It is the one of the table "Supported instances for increased Amazon ECS container network
//! interfaces", and for families newer than our copy of that table the number of branch interfaces that AWS publishes
//! for the type, of which ECS's table is never below.

use std::collections::BTreeMap;
use std::sync::LazyLock;

static FAMILIES: LazyLock<BTreeMap<&str, &str>> =
    LazyLock::new(|| include_str!("limits.txt").lines().filter_map(|line| line.split_once(' ')).collect());

/// The most tasks with an interface of their own on an instance of this type, `trunking` when it has a trunk (the
/// attribute `ecs.awsvpc-trunk-id`). `None` for a type that is not known, which is every host that is no EC2 instance:
/// nothing limits those here.
pub fn limit(instance_type: &str, trunking: bool) -> Option<u32> {
    let (family, size) = instance_type.split_once('.')?;
    let mut facts = FAMILIES.get(family)?.split(' ').map(|entry| entry.split(':'));
    let mut facts = facts.find_map(|mut entry| (entry.next() == Some(size)).then_some(entry))?;
    let tasks = facts.next()?.parse::<u32>().ok()?.checked_sub(1)?;
    let trunked = facts.next().and_then(|tasks| tasks.parse().ok());
    Some(trunked.filter(|_| trunking).unwrap_or(tasks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_aws_documents_them() {
        // Type, tasks without a trunk, tasks with one.
        let table = [
            ("a1.medium", 1, 10),
            ("c5.large", 2, 10),
            ("c5.18xlarge", 14, 120),
            ("m5zn.xlarge", 3, 31),
            ("m6g.medium", 1, 4),
            ("m6i.8xlarge", 7, 90),
            ("m6in.metal", 13, 120),
            ("p4d.24xlarge", 59, 120),
            ("g5.xlarge", 3, 6),
            ("x2iedn.xlarge", 3, 13),
            // No trunk: said so, never listed, or without meaning in AWS's table.
            ("c5.metal", 14, 14),
            ("c5n.large", 2, 2),
            ("t3.micro", 1, 1),
            ("t3.medium", 2, 2),
            ("i4i.large", 2, 2),
            // By branch interfaces.
            ("m7i.large", 2, 9),
            ("c8g.xlarge", 3, 18),
        ];
        for (name, without, with) in table {
            assert_eq!(limit(name, false), Some(without), "{name}");
            assert_eq!(limit(name, true), Some(with), "{name} with a trunk");
        }
    }

    #[test]
    fn what_is_not_known_is_not_limited() {
        for name in ["", "c5", "c5.", "c5.larg", ".large", "c5.large:3", "wharf.host", "c5 large.large"] {
            assert_eq!((limit(name, false), limit(name, true)), (None, None), "{name}");
        }
    }

    #[test]
    fn every_line_is_understood_and_a_trunk_takes_nothing_away() {
        let mut types = 0;
        for line in include_str!("limits.txt").lines() {
            let (family, sizes) = line.split_once(' ').expect("sizes");
            for entry in sizes.split(' ') {
                let name = format!("{family}.{}", entry.split(':').next().expect("a size"));
                let without = limit(&name, false).unwrap_or_else(|| panic!("{name}"));
                assert!(limit(&name, true) >= Some(without), "{name}");
                let numbers = entry.split(':').skip(1);
                assert!(numbers.clone().all(|n| n.parse::<u32>().is_ok()) && numbers.count() <= 2, "{name}");
                types += 1;
            }
        }
        assert!(types > 1000, "{types}");
    }
}
